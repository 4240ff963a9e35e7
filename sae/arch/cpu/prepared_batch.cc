#include "sae/arch/cpu/prepared_batch.h"

#include <cmath>

#include "ATen/ops/addmm.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/zeros.h"
#include "sae/arch/cpu/parameter.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

BatchView ViewOf(const at::Tensor& batch) { return {batch.const_data_ptr<float>(), batch.size(0), batch.size(1)}; }

}  // namespace

PreparedBatch::PreparedBatch(const SaeConfig& config)
    : config_(config),
      input_width_(PaddedWidth(config.d_in)),
      target_width_(PaddedWidth(config.target_width())),
      mean_(at::empty({target_width_})),
      spread_(at::empty({target_width_})) {}

void PreparedBatch::Reserve(int64_t rows) {
  if (rows <= reserved_rows_) return;
  reserved_rows_ = rows;
  const int64_t pieces = PieceCount(rows, kRowsInPiece);
  partial_ = at::empty({pieces, target_width_});
  norms_ = at::empty({rows});
  piece_sums_.resize(static_cast<size_t>(pieces));
  centered_target_ = at::empty({rows, target_width_});
  encoder_input_ = reads_centered_target() ? centered_target_ : at::empty({rows, input_width_});
  residual_ = config_.skip ? at::zeros({rows, target_width_}) : centered_target_;
}

double PreparedBatch::Prepare(const at::Tensor& input, const at::Tensor& target, const float* decoder_bias,
                              const at::Tensor& skip_weight) {
  rows_ = input.size(0);
  Reserve(rows_);
  ColumnMeans(ViewOf(target), target_width_, Data(partial_), Data(mean_));
  const double variance = CenterRows(ViewOf(target), Data(mean_), decoder_bias, target_width_, Data(centered_target_),
                                     Data(norms_), Data(spread_), &piece_sums_);
  if (!std::isfinite(variance)) return variance;
  if (!reads_centered_target()) PadRows(ViewOf(input), input_width_, Data(encoder_input_), Data(norms_));
  if (skip_weight.defined()) {
    const auto unpadded = [&](const at::Tensor& matrix) {
      return matrix.narrow(0, 0, rows_).narrow(1, 0, config_.target_width());
    };
    at::Tensor residual = unpadded(residual_);
    at::addmm_out(residual, unpadded(centered_target_), input, skip_weight.t(), /*beta=*/1, /*alpha=*/-1);
  }
  return variance;
}

const float* PreparedBatch::input_norms() const { return norms_.const_data_ptr<float>(); }
const float* PreparedBatch::centered_target() const { return centered_target_.const_data_ptr<float>(); }
const float* PreparedBatch::residual() const { return residual_.const_data_ptr<float>(); }

}  // namespace seedbed
