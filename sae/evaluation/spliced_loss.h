// What a language model loses in cross-entropy when an autoencoder's reconstructions take the place of its activations.
#ifndef SEEDBED_SAE_EVALUATION_SPLICED_LOSS_H_
#define SEEDBED_SAE_EVALUATION_SPLICED_LOSS_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/activations/sequences/sequence_source.h"
#include "sae/evaluation/autoencoder.h"
#include "sae/evaluation/reconstruction_metrics.h"
#include "sae/evaluation/replaced_loss.h"
#include "sae/lm/language_model.h"

namespace seedbed {

// Mean cross-entropies in nats, all over the same positions: kept ones, as in SAELens' evals.py. (dictionary_learning's
// evaluation.py takes all whose next token is not padding.)
//
// What is replaced, by whatever it is, are the kept rows. So does SAELens with reconstructions, while it ablates all
// rows; dictionary_learning excludes none.
struct BaselineLosses {
  int64_t tokens = 0;       // Positions that the means are over.
  double clean = 0;         // Nothing replaced.
  double zero_ablated = 0;  // Rows of zeros.
  double mean_ablated = 0;  // The mean of all kept rows.
};

struct SplicedEvaluation {
  BaselineLosses baselines;  // The same of every autoencoder of a site.
  double loss = 0;           // With the reconstructions.
  // (ablated - loss) / (ablated - clean), as in both libraries; they know zero ablation alone. Absent where the
  // ablation does not raise the loss, so that there is nothing to recover.
  std::optional<double> recovered_from_zero;
  std::optional<double> recovered_from_mean;
  ReconstructionSummary reconstruction;  // Of the kept rows at the site's output.
};

// Evaluates the autoencoders of one site together: the model runs up to it once for all of them. Not thread-safe.
class SplicedLoss {
 public:
  // Keeps the first `rows_to_keep` rows at the site's input. Lifetimes and errors: as ReplacedLoss::Create.
  static absl::StatusOr<SplicedLoss> Create(LanguageModel* model, const SpliceSite& site,
                                            const std::vector<MicroBatch>* tokens, int64_t rows_to_keep = 0);

  // By autoencoder. Runs the model up to the site once over the tokens, and from there once for each autoencoder. The
  // first call does so for the baselines, too, of which the mean-ablated one needs another pass, and keeps them. An
  // autoencoder gets no more than kRowsTogether rows at once, so that memory does not grow with the tokens.
  //
  // Errors, all naming the hookpoint: ABORTED where activations or a baseline are not finite. Of one autoencoder:
  // INVALID_ARGUMENT where it is not as wide as the model; those of ReconstructScaled and of ReconstructionMetrics;
  // ABORTED where its loss is not finite.
  absl::StatusOr<std::vector<absl::StatusOr<SplicedEvaluation>>> Evaluate(absl::Span<Autoencoder* const> autoencoders,
                                                                          const RowScales& scales);

  // Float32 [as many as there are, at most rows_to_keep, d_model], on the CPU, as the model has them. Undefined before
  // the first Evaluate and where none are to be kept.
  const at::Tensor& first_rows() const { return first_rows_; }

  static constexpr int64_t kRowsTogether = 1024;

 private:
  SplicedLoss(ReplacedLoss replaced, int64_t d_model, int64_t rows_to_keep)
      : replaced_(std::move(replaced)), d_model_(d_model), rows_to_keep_(rows_to_keep) {}

  absl::StatusOr<std::vector<absl::StatusOr<SplicedEvaluation>>> EvaluateUnnamed(
      absl::Span<Autoencoder* const> autoencoders, const RowScales& scales);
  absl::StatusOr<double> MeanAblated(const at::Tensor& mean) const;
  // `loss`: with the reconstructions that `metrics` is of.
  absl::StatusOr<SplicedEvaluation> Evaluation(const absl::StatusOr<double>& loss,
                                               const ReconstructionMetrics& metrics) const;

  ReplacedLoss replaced_;
  int64_t d_model_;
  int64_t rows_to_keep_;
  std::optional<BaselineLosses> baselines_;
  at::Tensor first_rows_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_EVALUATION_SPLICED_LOSS_H_
