// What the states of a checkpoint were made from.
#ifndef SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_LABELS_H_
#define SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_LABELS_H_

#include <string>

#include "worker/trainer/stream_inputs.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

// Immutable. A label is the SHA-256 of all that decides the bytes: equal labels, states of one training. Neither the
// number of ranks nor the machines are in it.
class CheckpointLabels {
 public:
  // `identity`: of the stream and of what of the machine decides bytes.
  CheckpointLabels(const TrainerPlan& plan, const StreamIdentity& identity);

  const std::string& stream() const { return stream_; }
  std::string OfRun(const PlannedRun& run) const;

 private:
  std::string stream_;
  std::string evaluation_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_LABELS_H_
