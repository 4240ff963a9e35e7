#include "sae/arch/cpu/auxiliary_pass.h"

#include <algorithm>
#include <limits>

#include "ATen/ops/empty.h"
#include "ATen/ops/mm.h"
#include "sae/arch/cpu/parameter.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

// Room for at least so many rows.
void Reserve(int64_t rows, int64_t width, at::Tensor* matrix) {
  if (!matrix->defined() || matrix->size(0) < rows) *matrix = at::empty({rows, width});
}

// gathered[j] = matrix[rows[j]].
void Gather(const at::Tensor& matrix, const std::vector<uint32_t>& rows, const at::Tensor& gathered) {
  const int64_t width = matrix.size(1);
  const float* from = matrix.const_data_ptr<float>();
  float* to = Data(gathered);
  ForEachPiece(static_cast<int64_t>(rows.size()), kRowsInPiece, [&](int64_t begin, int64_t end, int) {
    for (int64_t j = begin; j < end; ++j) {
      std::copy_n(from + static_cast<int64_t>(rows[static_cast<size_t>(j)]) * width, width, to + j * width);
    }
  });
}

}  // namespace

AuxiliaryPass::AuxiliaryPass(const SaeConfig& config) : config_(config) {
  dead_.reserve(static_cast<size_t>(config.latents));
}

int64_t AuxiliaryPass::kept() const {
  return std::min<int64_t>(config_.auxiliary_width(), static_cast<int64_t>(dead_.size()));
}

void AuxiliaryPass::Begin(const FiringRecord& firing, int64_t rows) {
  sums_ = {};
  dead_.clear();
  if (config_.auxiliary_alpha > 0) firing.FindDead(rows, &dead_);
  if (!is_active()) return;
  entries_.Reserve(rows * std::min(config_.auxiliary_width(), config_.latents));
  entries_.Resize(rows, kept());
}

void AuxiliaryPass::Select(const PreActivations& pre, const float* norms, std::vector<SelectionScratch>* threads) {
  SelectLargestAmong({&dead_, /*own_columns=*/false, keeps_negative()}, pre, kept(), norms, threads, &entries_);
}

void AuxiliaryPass::SelectFromProduct(const at::Tensor& encoder_input, const at::Tensor& encoder, const float* bias,
                                      const float* norms, const at::Tensor& gathered, const at::Tensor& pre,
                                      int64_t rows_in_tile, std::vector<SelectionScratch>* threads) {
  const auto count = static_cast<int64_t>(dead_.size());
  Gather(encoder, dead_, gathered);
  const at::Tensor dead_encoder = gathered.narrow(0, 0, count).t();
  const at::Tensor flat = pre.view({-1});
  for (int64_t first = 0; first < entries_.rows; first += rows_in_tile) {
    const int64_t rows = std::min(rows_in_tile, entries_.rows - first);
    at::Tensor tile = flat.narrow(0, 0, rows * count).view({rows, count});
    at::mm_out(tile, encoder_input.narrow(0, first, rows), dead_encoder);
    SelectLargestAmong({&dead_, /*own_columns=*/true, keeps_negative()}, {first, rows, count, Data(tile), bias}, kept(),
                       norms, threads, &entries_);
  }
}

double AuxiliaryPass::Run(const ReconstructionError& error, const float* decoder, int64_t width,
                          const float* input_norms, std::vector<DecodeSums>* pieces) {
  Reserve(entries_.rows, width, &gradient_);
  const double weight = Weight(error, width);
  const int64_t group_end = config_.latents;
  DecodePass pass;
  pass.width = width;
  pass.decoder = decoder;
  pass.group_ends = absl::MakeConstSpan(&group_end, 1);
  pass.target = error.gradient;
  pass.target_scale = -1 / error.scale;
  pass.loss_scale = static_cast<float>(2 * config_.auxiliary_alpha * weight);
  pass.input_norms = teaches_encoder() ? input_norms : nullptr;
  pass.entries = &entries_;
  pass.gradient = Data(gradient_);
  pass.column_sums = nullptr;
  sums_ = RunDecode(pass, pieces);
  OrderByLatent(entries_, config_.latents, &by_latent_);
  if (weight > 0) return weight * sums_.squared_error;
  // An error that is the same in every row has nothing to be compared with.
  return sums_.squared_error > 0 ? std::numeric_limits<float>::max() : 0;
}

// What the squared error is multiplied by.
double AuxiliaryPass::Weight(const ReconstructionError& error, int64_t width) {
  if (config_.convention == Convention::kDictionaryLearning) {
    const double variance = ErrorVariance(error, width);
    return variance > 0 ? 1 / variance : 0;
  }
  const double dead = static_cast<double>(dead_.size()) / static_cast<double>(config_.auxiliary_width());
  const double unit =
      config_.convention == Convention::kSparsify ? error.total_variance : static_cast<double>(entries_.rows);
  return std::min(dead, 1.0) / unit;
}

double AuxiliaryPass::ErrorVariance(const ReconstructionError& error, int64_t width) {
  const int64_t pieces = PieceCount(entries_.rows, kRowsInPiece);
  Reserve(pieces, width, &partial_);
  Reserve(1, width, &mean_);
  piece_sums_.resize(std::max(piece_sums_.size(), static_cast<size_t>(pieces)));
  const double squares =
      SquaresAroundMean(error.gradient, entries_.rows, width, Data(partial_), Data(mean_), &piece_sums_);
  return squares / (static_cast<double>(error.scale) * error.scale);
}

SparseGradient AuxiliaryPass::EncoderGradient(const at::Tensor& encoder_input) const {
  return {&by_latent_, &by_latent_.gradients, encoder_input.const_data_ptr<float>()};
}

SparseGradient AuxiliaryPass::DecoderGradient() const {
  return {&by_latent_, &by_latent_.values, gradient_.const_data_ptr<float>()};
}

}  // namespace seedbed
