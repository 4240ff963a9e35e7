// Takes a rank's checkpoints, and goes on from them.
#ifndef SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINTER_H_
#define SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "sae/activations/activation_stream.h"
#include "sae/collectives/collectives.h"
#include "worker/trainer/checkpoint/checkpoint_folder.h"
#include "worker/trainer/checkpoint/checkpoint_labels.h"
#include "worker/trainer/checkpoint/checkpoint_schedule.h"
#include "worker/trainer/checkpoint/checkpoint_writer.h"
#include "worker/trainer/hosted_run.h"
#include "worker/trainer/stream_inputs.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

// At a batch boundary the states are copied, which is all that the training waits for, and a thread writes them. One
// that is due while the one before is still being written is left out. Trouble with the disk is a warning, and the
// training goes on. In a gang with low memory the training waits for the writing, and the copies are let go of. Not
// thread-safe. LibTorch's exceptions pass through.
class Checkpointer {
 public:
  // Null where the gang wants none. `plan` and `clock` outlive it.
  static std::unique_ptr<Checkpointer> Make(const TrainerPlan* plan, const StreamIdentity& identity, Clock* clock);

  // Before the stream is opened, on every rank at the same time. Claims the folder and restores the runs; where the
  // stream is to begin. INTERNAL where a newer attempt has claimed the folder; errors of the collectives.
  absl::StatusOr<StreamStart> Resume(Collectives& collectives, std::vector<HostedRun>& runs);

  // After a step of the stream, when all that it makes due is done.
  void StepTaken(std::vector<HostedRun>& runs, ActivationStream& stream, int64_t step);

  // A checkpoint now, and not before it is written does it return: the process is about to end. `stream` is null where
  // it can't be saved.
  void SaveLast(std::vector<HostedRun>& runs, ActivationStream* stream, int64_t step);

  // The run has ended: what was kept of it goes.
  void RunEnded(const std::string& run_id);

  CheckpointCounters counters() const;

 private:
  Checkpointer(const TrainerPlan* plan, const StreamIdentity& identity, Clock* clock);

  // Copies what the checkpoint holds into the writer's buffers.
  void Copy(std::vector<HostedRun>& runs, ActivationStream* stream, int64_t step);
  void Save(std::vector<HostedRun>& runs, ActivationStream* stream, int64_t step);

  const TrainerPlan& plan_;
  Clock* const clock_;
  const CheckpointSchedule schedule_;
  const CheckpointLabels labels_;
  const CheckpointFolder folder_;
  CheckpointWriter writer_;
  absl::Duration began_;
  int64_t first_step_ = 0;
  int64_t saved_step_ = 0;  // Of the newest checkpoint that was handed to the writer.
  absl::Duration stall_time_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINTER_H_
