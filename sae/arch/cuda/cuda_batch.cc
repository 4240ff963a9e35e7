#include "sae/arch/cuda/cuda_batch.h"

#include "ATen/ops/addmm.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/zeros.h"
#include "sae/arch/cuda/batch_rows.h"
#include "sae/arch/cuda/matrix_sums.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {

CudaBatch::CudaBatch(const SaeConfig& config, at::Device device)
    : config_(config),
      device_(device),
      input_width_(PaddedWidth(config.d_in)),
      target_width_(PaddedWidth(config.target_width())),
      mean_(at::zeros({target_width_}, at::TensorOptions(at::kFloat).device(device))) {}

void CudaBatch::Reserve(int64_t rows) {
  if (rows <= reserved_rows_) return;
  reserved_rows_ = rows;
  const auto options = at::TensorOptions(at::kFloat).device(device_);
  centered_target_ = at::empty({rows, target_width_}, options);
  encoder_input_ = reads_centered_target() ? centered_target_ : at::empty({rows, input_width_}, options);
  residual_ = config_.skip ? at::zeros({rows, target_width_}, options) : centered_target_;
  if (config_.compute == ComputeType::kBfloat16) bfloat16_.Reserve(rows * input_width_, device_);
  norms_.Reserve(rows, device_);
  partial_.Reserve(ColumnPieces(rows) * config_.target_width(), device_);
  distances_.Reserve(rows, device_);
}

void CudaBatch::Prepare(cudaStream_t stream, const at::Tensor& input, const at::Tensor& target,
                        const float* decoder_bias, const at::Tensor& skip_weight, double* total_variance) {
  rows_ = input.size(0);
  Reserve(rows_);
  FindMean(stream, target);
  RowPadding of_target;
  of_target.batch = target.const_data_ptr<float>();
  of_target.rows = rows_;
  of_target.d = config_.target_width();
  of_target.width = target_width_;
  of_target.center = decoder_bias;
  of_target.padded = centered_target_.mutable_data_ptr<float>();
  of_target.mean = mean_.const_data_ptr<float>();
  of_target.distances = distances_.data();
  if (reads_centered_target()) {
    of_target.bfloat16 = bfloat16_.data();
    of_target.norms = norms_.data();
  }
  PadRows(stream, of_target);
  SumValues(stream, distances_.data(), rows_, total_variance);
  if (!reads_centered_target()) {
    RowPadding of_input;
    of_input.batch = input.const_data_ptr<float>();
    of_input.rows = rows_;
    of_input.d = config_.d_in;
    of_input.width = input_width_;
    of_input.padded = encoder_input_.mutable_data_ptr<float>();
    of_input.bfloat16 = bfloat16_.data();
    of_input.norms = norms_.data();
    PadRows(stream, of_input);
  }
  if (skip_weight.defined()) {
    const auto unpadded = [&](const at::Tensor& matrix) {
      return matrix.narrow(0, 0, rows_).narrow(1, 0, config_.target_width());
    };
    at::Tensor residual = unpadded(residual_);
    at::addmm_out(residual, unpadded(centered_target_), input, skip_weight.t(), /*beta=*/1, /*alpha=*/-1);
  }
}

// Around the first row: so the sums are small, and 0 where all rows are equal.
void CudaBatch::FindMean(cudaStream_t stream, const at::Tensor& target) {
  ColumnSum sum;
  sum.matrix = target.const_data_ptr<float>();
  sum.rows = rows_;
  sum.columns = config_.target_width();
  sum.stride = sum.columns;
  sum.origin = sum.matrix;
  sum.scale = 1.0f / static_cast<float>(rows_);
  sum.base = sum.matrix;
  sum.partial = partial_.data();
  sum.sums = mean_.mutable_data_ptr<float>();
  SumColumns(stream, sum);
}

EncoderRows CudaBatch::encoder_input() const {
  return {encoder_input_.const_data_ptr<float>(), bfloat16_.data(), input_width_};
}

}  // namespace seedbed
