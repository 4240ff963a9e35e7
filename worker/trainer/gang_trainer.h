// One rank's part in training a gang.
#ifndef SEEDBED_WORKER_TRAINER_GANG_TRAINER_H_
#define SEEDBED_WORKER_TRAINER_GANG_TRAINER_H_

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/logging.h"
#include "sae/activations/activation_stream.h"
#include "sae/collectives/collectives.h"
#include "worker/trainer/checkpoint/checkpointer.h"
#include "worker/trainer/evaluator.h"
#include "worker/trainer/hosted_run.h"
#include "worker/trainer/message_sink.h"
#include "worker/trainer/progress.h"
#include "worker/trainer/stream_inputs.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

// Load, Join, Train, in that order. Not thread-safe. LibTorch's exceptions pass through all three.
class GangTrainer {
 public:
  // Reads and checks whatever a user can have got wrong, before there is any network. `sink` and `clock` outlive it.
  static absl::StatusOr<std::unique_ptr<GangTrainer>> Load(TrainerPlan plan, MessageSink* sink, Clock* clock);

  // Meets the other ranks; rank 0 of several sends RendezvousReady. Goes on from the gang's checkpoints where there are
  // some. Errors: as JoinGroup, CheckRanksAlike, Checkpointer::Resume and StreamInputs::OpenStream.
  absl::Status Join();

  // Trains, exports and answers every run of this rank. A run whose loss is not finite is answered with a failure and
  // the others go on; any other error is of the rank. CANCELLED once `is_stopped`, which is asked between batches and
  // between exports, gives true, and a checkpoint is written where the gang has them.
  absl::Status Train(std::function<bool()> is_stopped);

 private:
  GangTrainer(TrainerPlan plan, MessageSink* sink, Clock* clock);

  absl::Status MakeRuns();
  absl::Status JoinPeers();
  // Where the stream is to begin.
  absl::StatusOr<StreamStart> Resume();

  absl::Status TrainSteps();
  absl::Status TakeBatch(const Batch& batch);
  // A last checkpoint. `is_whole`: the stream stands between two batches.
  absl::Status Stop(bool is_whole);
  // One step of every run that takes part.
  absl::Status Step(const Batch& batch);
  // Ends a run whose step was aborted.
  void Fail(HostedRun& run, const absl::Status& status);
  // EvaluateRuns between two batches. One rank may take far longer than another, which then waits here and not in the
  // next batch's exchange.
  absl::Status EvaluateBetweenBatches();
  // Evaluates every run that has not ended and was not evaluated since its last step.
  absl::Status EvaluateRuns();
  // Of runs with the same hookpoints.
  absl::Status EvaluateTogether(const std::vector<HostedRun*>& runs);
  // Rows that every run was trained on.
  int64_t trained_rows() const { return steps_ * plan_.stream.batch_tokens; }
  // Lets go of what only the harvest needed.
  void EndHarvest();
  absl::Status ExportRuns();
  absl::Status Export(HostedRun& run);

  // It has not ended, and has not had the stream's next batch: a run that goes on from a checkpoint may be ahead.
  bool TakesPart(const HostedRun& run) const { return !run.ended() && run.recorder().steps() <= steps_; }
  void EndRun(HostedRun& run, const v1::RankMessage& message);
  CheckpointCounters checkpoint_counters() const;
  // Somebody needs the next batch, or this rank's part in making it.
  bool HasWork() const;
  void ReportProgress();
  void LogEvent(LogLevel level, absl::string_view event, const LogField& first, const LogField& second) const;

  const TrainerPlan plan_;
  MessageSink* const sink_;
  Clock* const clock_;

  std::unique_ptr<StreamInputs> inputs_;
  std::unique_ptr<Evaluator> evaluator_;  // Null where none is asked for.
  std::vector<HostedRun> runs_;           // Of this rank.
  std::unique_ptr<Collectives> group_;
  std::unique_ptr<Checkpointer> checkpointer_;  // Null where no checkpoint is asked for.
  std::unique_ptr<ActivationStream> stream_;
  std::optional<ProgressReporter> reporter_;
  std::function<bool()> is_stopped_;
  bool harvest_ended_ = false;
  int64_t steps_ = 0;  // Batches of the stream so far.
  absl::Duration step_time_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_GANG_TRAINER_H_
