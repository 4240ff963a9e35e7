// Runs the language model on this rank's micro-batches.
#ifndef SEEDBED_SAE_ACTIVATIONS_HARVESTER_H_
#define SEEDBED_SAE_ACTIVATIONS_HARVESTER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/activations/block_plan.h"
#include "sae/activations/sequences/sequence_source.h"
#include "sae/lm/language_model.h"

namespace seedbed {

// Not thread-safe.
class Harvester {
 public:
  // What Harvest gives is overwritten by the next call, or by the next but one.
  enum class Buffers { kOne, kTwo };

  // `source` and `model` outlive the harvester. `dtype`: of the rows, whatever the model computes in.
  // `on_micro_batch(tokens)` is called after every call of the model.
  Harvester(const SequenceSource* source, LanguageModel* model, int hookpoints, at::Device device, at::ScalarType dtype,
            Buffers buffers, std::function<void(int64_t)> on_micro_batch);

  // The kept rows of these micro-batches, in order: for each hookpoint [rows, d_model] on the model's device,
  // contiguous, rounded to nearest where `dtype` is the narrower one. Views of buffers that are used again. Errors: as
  // TokenFile::Read.
  absl::StatusOr<std::vector<at::Tensor>> Harvest(MicroBatchRange micro_batches);

 private:
  // A view of `rows` rows of each buffer whose turn it is; they grow where they are too small.
  std::vector<at::Tensor> ViewsOf(int64_t rows);
  // target = activations[kept_rows]
  void KeepRows(const at::Tensor& activations, const at::Tensor& kept_rows, at::Tensor target);

  const SequenceSource* source_;
  LanguageModel* model_;
  at::Device device_;
  at::ScalarType dtype_;
  std::function<void(int64_t)> on_micro_batch_;
  std::vector<std::vector<at::Tensor>> buffers_;  // By turn, then hookpoint.
  size_t turn_ = 0;
  at::Tensor kept_;  // Of one micro-batch, in the model's dtype where that is another one.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_HARVESTER_H_
