// The cross-entropy of a language model in which the rows that training keeps are replaced at a hookpoint.
#ifndef SEEDBED_SAE_EVALUATION_REPLACED_LOSS_H_
#define SEEDBED_SAE_EVALUATION_REPLACED_LOSS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/activations/sequences/sequence_source.h"
#include "sae/lm/hookpoint.h"
#include "sae/lm/language_model.h"

namespace seedbed {

// Where an autoencoder is put.
struct SpliceSite {
  Hookpoint input;   // What it reads.
  Hookpoint output;  // What is replaced; of an autoencoder the input itself, of a transcoder a later hookpoint.

  bool is_transcoder() const { return !(input == output); }
};

// Some of the kept rows, float32 [count, d_model], contiguous, on the model's device; count >= 1.
struct KeptRows {
  at::Tensor output;  // At the site's output: what is replaced.
  at::Tensor input;   // Of the same positions at the site's input; undefined where inputs are not asked for.
};

// Gives what takes the place of `rows.output`, float32 [count, d_model].
using ReplaceKept = absl::FunctionRef<absl::StatusOr<at::Tensor>(const KeptRows& rows)>;

// Which positions count is up to counted_positions.h. Excluded rows stay as they are. Not thread-safe.
class ReplacedLoss {
 public:
  // `model`, loaded with its head, and `tokens` outlive this. INVALID_ARGUMENT where the model was not loaded with a
  // hookpoint of the site, the output comes before the input, or no position counts.
  static absl::StatusOr<ReplacedLoss> Create(LanguageModel* model, const SpliceSite& site,
                                             const std::vector<MicroBatch>* tokens);

  const SpliceSite& site() const { return site_; }
  int64_t positions() const { return count_; }

  enum class Inputs {
    kNone,
    kWanted,  // Runs the model once more up to a transcoder's input.
  };

  // The mean over the positions that count, in nats. Hands every kept row to `replace` once, in order. Errors: those of
  // `replace`; ABORTED, "the WHAT is not finite", for the loss.
  absl::StatusOr<double> Mean(absl::string_view what, Inputs inputs, ReplaceKept replace) const;

 private:
  ReplacedLoss(LanguageModel* model, const SpliceSite& site, const std::vector<MicroBatch>* tokens);

  absl::StatusOr<double> SumOver(size_t micro_batch, Inputs inputs, ReplaceKept replace) const;
  // Activations at the site's input, of all rows, in the model's type.
  at::Tensor InputsOf(size_t micro_batch) const;

  LanguageModel* model_;
  SpliceSite site_;
  const std::vector<MicroBatch>* tokens_;
  std::vector<at::Tensor> positions_;  // By micro-batch: CountedPositions.
  int64_t count_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_EVALUATION_REPLACED_LOSS_H_
