// How well and how sparsely an autoencoder reconstructs rows, summed up batch by batch.
//
// Definitions (docs/metrics.md) for R rows x of d columns, reconstructions x_hat and e = x - x_hat. Where the libraries
// differ (sparsify 1.3.3; SAELens 6.54, evals.py; dictionary_learning 0.1.0, evaluation.py):
//   FVU                 sparsify's, but over all rows; sparsify averages that of batches.
//   explained variance  1 - FVU, which is SAELens' explained_variance. dictionary_learning takes the variance of e
//                       around its mean, and averages over batches.
//   MSE                 mean over rows and columns; SAELens' mse is d times that.
//   cosine, norm ratio  means over rows as in both libraries. They divide by the norm 0, or SAELens by 1 in its place;
//                       here a zero row has the cosine 0, and a zero x no norm ratio.
//   L0, firing          an activation above 0, as in both.
#ifndef SEEDBED_SAE_EVALUATION_RECONSTRUCTION_METRICS_H_
#define SEEDBED_SAE_EVALUATION_RECONSTRUCTION_METRICS_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/evaluation/autoencoder.h"

namespace seedbed {

// A latent is dense when it fires in more than this fraction of rows.
inline constexpr double kDenseFrequency = 0.1;

struct ReconstructionSummary {
  int64_t rows = 0;
  double fvu = 0;                        // sum e^2 / sum (x - mean x)^2
  double explained_variance = 0;         // 1 - fvu
  double mse = 0;                        // sum e^2 / (R d)
  double cosine = 0;                     // Mean over rows of x . x_hat / (|x| |x_hat|).
  double norm_ratio = 0;                 // Mean over rows x != 0 of |x_hat| / |x|.
  double l0 = 0;                         // Mean over rows of the number of active latents.
  std::vector<int64_t> l0_histogram;     // [largest L0 + 1]: rows with i active latents.
  std::vector<double> firing_frequency;  // [latents]: fraction of rows in which the latent is active.
  int64_t dead_latents = 0;              // Active in no row.
  int64_t dense_latents = 0;             // Active in more than kDenseFrequency of all rows.
};

// Sums in float64; how rows are split into batches changes nothing but rounding. Memory beside the batch: O(width +
// latents). Not thread-safe.
class ReconstructionMetrics {
 public:
  // `width`: columns of x.
  ReconstructionMetrics(int64_t width, int64_t latents);

  // x: float32 [1 or more, width], what was to be reconstructed. Errors: INVALID_ARGUMENT for another shape or type,
  // and as CheckReconstruction; ABORTED where x is not finite. After an error nothing of the batch has been added.
  absl::Status Add(const at::Tensor& x, const Reconstruction& reconstruction);

  // INVALID_ARGUMENT before the first row; ABORTED where all rows are equal, so that there is no variance to explain.
  absl::StatusOr<ReconstructionSummary> Result() const;

 private:
  absl::Status Check(const at::Tensor& x, const Reconstruction& reconstruction) const;
  // x, x_hat: float64 [rows, width].
  void AddVariance(const at::Tensor& x);
  void AddDirections(const at::Tensor& x, const at::Tensor& x_hat);
  void AddActivations(const SparseActivations& activations);

  const int64_t width_;
  const int64_t latents_;
  int64_t rows_ = 0;
  double squared_error_ = 0;
  at::Tensor mean_;               // float64 [width], on the device of the rows; undefined before the first.
  double squared_deviation_ = 0;  // Sum over rows of |x - mean_|^2.
  double cosines_ = 0;
  double norm_ratios_ = 0;
  int64_t rows_with_norm_ = 0;  // Those with x != 0.
  std::vector<int64_t> l0_histogram_;
  std::vector<int64_t> firing_counts_;  // [latents]
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_EVALUATION_RECONSTRUCTION_METRICS_H_
