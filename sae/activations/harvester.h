// Runs the language model on this rank's micro-batches.
#ifndef SEEDBED_SAE_ACTIVATIONS_HARVESTER_H_
#define SEEDBED_SAE_ACTIVATIONS_HARVESTER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/activations/block_plan.h"
#include "sae/activations/sequence_source.h"
#include "sae/lm/language_model.h"

namespace seedbed {

// Not thread-safe.
class Harvester {
 public:
  // `source` and `model` outlive the harvester. `on_micro_batch(tokens)` is called after every call of the model.
  Harvester(const SequenceSource* source, LanguageModel* model, int hookpoints, at::Device device,
            std::function<void(int64_t)> on_micro_batch);

  // The kept rows of these micro-batches, in order: for each hookpoint float32 [rows, d_model] on the model's device,
  // contiguous. Views of buffers that the next call uses again. Errors: as TokenFile::Read.
  absl::StatusOr<std::vector<at::Tensor>> Harvest(MicroBatchRange micro_batches);

 private:
  // A view of `rows` rows of each buffer, which grow where they are too small.
  std::vector<at::Tensor> ViewsOf(int64_t rows);

  const SequenceSource* source_;
  LanguageModel* model_;
  at::Device device_;
  std::function<void(int64_t)> on_micro_batch_;
  std::vector<at::Tensor> buffers_;  // By hookpoint.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_HARVESTER_H_
