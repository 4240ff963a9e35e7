// The cross-entropy of a language model in which the rows that training keeps are replaced at a hookpoint.
#ifndef SEEDBED_SAE_EVALUATION_REPLACED_LOSS_H_
#define SEEDBED_SAE_EVALUATION_REPLACED_LOSS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
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

// The kept rows of a micro-batch, float32 [count, d_model], contiguous, on the model's device; count >= 1.
struct KeptRows {
  at::Tensor output;  // At the site's output: what is replaced.
  at::Tensor input;   // Of the same positions at the site's input.
};

// What takes the place of the kept rows in one model among several that are compared.
struct Replacement {
  std::string loss;  // In errors: "zero-ablated cross-entropy".
  // Gives what takes the place of `rows.output`, float32 [count, d_model].
  std::function<absl::StatusOr<at::Tensor>(const KeptRows& rows)> replace;
};

// Which positions count is up to counted_positions.h. Excluded rows stay as they are. Not thread-safe.
class ReplacedLoss {
 public:
  // `model`, loaded with its head, and `tokens` outlive this. INVALID_ARGUMENT where the model was not loaded with a
  // hookpoint of the site, the output comes before the input, or no position counts.
  static absl::StatusOr<ReplacedLoss> Create(LanguageModel* model, const SpliceSite& site,
                                             const std::vector<MicroBatch>* tokens);

  const SpliceSite& site() const { return site_; }
  int64_t positions() const { return count_; }

  // By replacement: the mean over the positions that count, in nats. Runs the model once up to the site's output for
  // all of them, and from there once for each; hands every kept row to each once, in order. One that fails keeps no
  // other from its mean. Errors: those of `replace`; ABORTED, "the LOSS is not finite".
  std::vector<absl::StatusOr<double>> Means(const std::vector<Replacement>& replacements) const;

 private:
  ReplacedLoss(LanguageModel* model, const SpliceSite& site, const std::vector<MicroBatch>* tokens);

  // Adds those of one micro-batch to the sums that are no errors.
  void AddSums(size_t micro_batch, const std::vector<Replacement>& replacements,
               std::vector<absl::StatusOr<double>>& sums) const;

  LanguageModel* model_;
  SpliceSite site_;
  const std::vector<MicroBatch>* tokens_;
  std::vector<at::Tensor> positions_;  // By micro-batch: CountedPositions.
  int64_t count_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_EVALUATION_REPLACED_LOSS_H_
