#include "sae/evaluation/reconstruction_metrics.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"

namespace seedbed {
namespace {

// Rows that are widened to float64 together.
constexpr int64_t kRows = 256;

// [rows, columns] -> [rows]
at::Tensor NormsOf(const at::Tensor& rows) { return at::linalg_vector_norm(rows, 2, {1}); }

}  // namespace

ReconstructionMetrics::ReconstructionMetrics(int64_t width, int64_t latents)
    : width_(width), latents_(latents), firing_counts_(static_cast<size_t>(latents), 0) {}

absl::Status ReconstructionMetrics::Check(const at::Tensor& x, const Reconstruction& reconstruction) const {
  if (x.dim() != 2 || x.size(0) < 1 || x.size(1) != width_ || x.scalar_type() != at::kFloat) {
    return absl::InvalidArgumentError(absl::StrCat("the activations are ", c10::toString(x.scalar_type()), " [",
                                                   absl::StrJoin(x.sizes(), ", "), "]; needed are Float [1 or more, ",
                                                   width_, "]"));
  }
  RETURN_IF_ERROR(CheckFinite(x, "activations"));
  return CheckReconstruction(reconstruction, x.size(0), width_, latents_);
}

absl::Status ReconstructionMetrics::Add(const at::Tensor& x, const Reconstruction& reconstruction) {
  RETURN_IF_ERROR(Check(x, reconstruction));
  for (int64_t first = 0; first < x.size(0); first += kRows) {
    const int64_t count = std::min(kRows, x.size(0) - first);
    const at::Tensor wide_x = x.narrow(0, first, count).to(at::kDouble);
    const at::Tensor wide_x_hat = reconstruction.rows.narrow(0, first, count).to(at::kDouble);
    squared_error_ += (wide_x - wide_x_hat).square().sum().item<double>();
    AddVariance(wide_x);
    AddDirections(wide_x, wide_x_hat);
    rows_ += count;
  }
  AddActivations(reconstruction.activations);
  return absl::OkStatus();
}

// Chan, Golub & LeVeque 1979: mean and deviation of two sets of rows give those of both together, without the
// cancellation of sum x^2 - (sum x)^2 / R, which the large means of a residual stream would cause.
void ReconstructionMetrics::AddVariance(const at::Tensor& x) {
  if (!mean_.defined()) mean_ = at::zeros({width_}, x.options());
  const auto before = static_cast<double>(rows_);
  const auto added = static_cast<double>(x.size(0));
  const at::Tensor mean = x.mean(0);
  const at::Tensor shift = mean - mean_;
  squared_deviation_ += (x - mean).square().sum().item<double>();
  squared_deviation_ += shift.square().sum().item<double>() * (before * added / (before + added));
  mean_.add_(shift, added / (before + added));
}

void ReconstructionMetrics::AddDirections(const at::Tensor& x, const at::Tensor& x_hat) {
  const at::Tensor norms = NormsOf(x);
  const at::Tensor reconstructed_norms = NormsOf(x_hat);
  const at::Tensor products = norms * reconstructed_norms;
  cosines_ += at::where(products > 0, (x * x_hat).sum(1) / products, 0.0).sum().item<double>();
  norm_ratios_ += at::where(norms > 0, reconstructed_norms / norms, 0.0).sum().item<double>();
  rows_with_norm_ += (norms > 0).sum().item<int64_t>();
}

void ReconstructionMetrics::AddActivations(const SparseActivations& activations) {
  for (const uint32_t latent : activations.latents) ++firing_counts_[latent];
  for (int64_t row = 0; row < activations.rows(); ++row) {
    const auto l0 = static_cast<size_t>(activations.count(row));
    if (l0_histogram_.size() <= l0) l0_histogram_.resize(l0 + 1, 0);
    ++l0_histogram_[l0];
  }
}

absl::StatusOr<ReconstructionSummary> ReconstructionMetrics::Result() const {
  if (rows_ == 0) return absl::InvalidArgumentError("no row is there to evaluate, at least one is needed");
  if (!(squared_deviation_ > 0)) {
    return absl::AbortedError(
        absl::StrCat("the ", rows_, " activations are all equal; FVU needs a total variance above 0"));
  }
  const auto rows = static_cast<double>(rows_);
  ReconstructionSummary summary;
  summary.rows = rows_;
  summary.fvu = squared_error_ / squared_deviation_;
  summary.explained_variance = 1 - summary.fvu;
  summary.mse = squared_error_ / (rows * static_cast<double>(width_));
  summary.cosine = cosines_ / rows;
  summary.norm_ratio = norm_ratios_ / static_cast<double>(rows_with_norm_);
  summary.l0 = static_cast<double>(std::accumulate(firing_counts_.begin(), firing_counts_.end(), int64_t{0})) / rows;
  summary.l0_histogram = l0_histogram_;
  for (const int64_t count : firing_counts_) {
    const double frequency = static_cast<double>(count) / rows;
    summary.firing_frequency.push_back(frequency);
    if (frequency == 0) ++summary.dead_latents;
    if (frequency > kDenseFrequency) ++summary.dense_latents;
  }
  return summary;
}

}  // namespace seedbed
