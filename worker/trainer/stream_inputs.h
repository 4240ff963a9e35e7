// What a gang's stream is read from: opened and checked before there is any network, then made into the stream.
#ifndef SEEDBED_WORKER_TRAINER_STREAM_INPUTS_H_
#define SEEDBED_WORKER_TRAINER_STREAM_INPUTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "sae/activations/activation_stream.h"
#include "sae/activations/sequences/sequence_source.h"
#include "sae/collectives/collectives.h"
#include "sae/lm/hookpoint.h"
#include "sae/lm/language_model.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

// By name: what must be equal on every rank of a gang, or its batches are not those of one stream. Is stated in every
// manifest as well.
using StreamIdentity = std::map<std::string, std::string>;

// Not thread-safe. LibTorch's exceptions pass through.
class StreamInputs {
 public:
  // `plan` outlives the inputs. Errors name the file and the field; those of the disk are AsIoFailure.
  static absl::StatusOr<std::unique_ptr<StreamInputs>> Load(const TrainerPlan& plan);

  virtual ~StreamInputs() = default;

  // Of the rows of a hookpoint that this rank hosts.
  virtual int64_t width(int hookpoint) const = 0;
  virtual StreamIdentity identity() const = 0;

  // Every rank calls it at the same time, once. The inputs outlive the stream. Errors: as ModelStream and FolderStream.
  virtual absl::StatusOr<std::unique_ptr<ActivationStream>> OpenStream(Collectives* collectives, Clock* clock,
                                                                       const StreamStart& start,
                                                                       std::function<void()> on_micro_batch) = 0;

  // Sequences that no run trains on, in micro-batches. INVALID_ARGUMENT where the rows come from no tokens; else as
  // ReadHeldOut.
  virtual absl::StatusOr<std::vector<MicroBatch>> ReadHeldOut(int64_t sequences) const;

  // The language model with its head, for `hookpoints`. Errors: as above and as LoadLanguageModel.
  virtual absl::StatusOr<std::unique_ptr<LanguageModel>> LoadWithHead(const std::vector<Hookpoint>& hookpoints) const;

  // Lets go of what only the harvest needs. The stream has harvested().
  virtual void ReleaseModel() {}
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_STREAM_INPUTS_H_
