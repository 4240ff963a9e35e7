// What a language model loses in cross-entropy when an autoencoder's reconstructions take the place of its activations.
#ifndef SEEDBED_SAE_EVALUATION_SPLICED_LOSS_H_
#define SEEDBED_SAE_EVALUATION_SPLICED_LOSS_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
  double loss = 0;  // With the reconstructions.
  // (ablated - loss) / (ablated - clean), as in both libraries; they know zero ablation alone. Absent where the
  // ablation does not raise the loss, so that there is nothing to recover.
  std::optional<double> recovered_from_zero;
  std::optional<double> recovered_from_mean;
  ReconstructionSummary reconstruction;  // Of the kept rows at the site's output.
};

// Evaluates the autoencoders of one site; the losses that do not depend on them are measured once. Not thread-safe.
class SplicedLoss {
 public:
  // Runs the model three times over the tokens. Lifetimes and errors: as ReplacedLoss::Create; ABORTED, naming
  // hookpoint and tensor, where activations or a loss are not finite.
  static absl::StatusOr<SplicedLoss> Measure(LanguageModel* model, const SpliceSite& site,
                                             const std::vector<MicroBatch>* tokens);

  const BaselineLosses& baselines() const { return baselines_; }

  // Runs the model once over the tokens, of a transcoder also up to its input. The autoencoder gets no more than
  // kRowsTogether rows at once, so that memory does not grow with the tokens.
  //
  // Errors: INVALID_ARGUMENT for an autoencoder that is not as wide as the model; those of ReconstructScaled and of
  // ReconstructionMetrics; ABORTED where the loss is not finite. All name the hookpoint.
  absl::StatusOr<SplicedEvaluation> Evaluate(Autoencoder& autoencoder, const RowScales& scales) const;

  static constexpr int64_t kRowsTogether = 1024;

 private:
  SplicedLoss(ReplacedLoss replaced, int64_t d_model) : replaced_(std::move(replaced)), d_model_(d_model) {}

  absl::Status MeasureBaselines();
  absl::StatusOr<SplicedEvaluation> Splice(Autoencoder& autoencoder, const RowScales& scales) const;

  ReplacedLoss replaced_;
  int64_t d_model_;
  BaselineLosses baselines_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_EVALUATION_SPLICED_LOSS_H_
