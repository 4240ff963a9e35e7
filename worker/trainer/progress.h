// What a rank tells its worker while it trains.
#ifndef SEEDBED_WORKER_TRAINER_PROGRESS_H_
#define SEEDBED_WORKER_TRAINER_PROGRESS_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"
#include "sae/activations/activation_stream.h"
#include "worker/trainer/checkpoint/checkpoint_writer.h"
#include "worker/trainer/hosted_run.h"
#include "worker/trainer/message_sink.h"

namespace seedbed {

// How far a rank is.
struct TrainingProgress {
  absl::Duration elapsed;        // Since the stream's start.
  absl::Duration harvest_time;   // Of that, for harvesting and the exchange.
  int64_t tokens_harvested = 0;  // By the gang.
  int64_t tokens_to_harvest = 0;
  int64_t steps = 0;  // Taken and to be taken by this process.
  int64_t total_steps = 0;
};

// Pure. The harvest that is left at its rate so far, and the steps that are left at theirs (all that is not harvest).
// Negative before the first step.
double EstimateSecondsLeft(const TrainingProgress& progress);

// Sends at most one round of messages every half a second. Not thread-safe.
class ProgressReporter {
 public:
  // Of a stream that begins after `first_step` steps. `clock` and `sink` outlive it.
  ProgressReporter(const StreamConfig& config, int64_t first_step, Clock* clock, MessageSink* sink);

  bool Due() const;

  // One RunProgress for each run that has not ended, and a StreamProgress. `steps`: of the stream so far.
  void Report(const std::vector<HostedRun>& runs, const ActivationStream& stream, int64_t steps,
              absl::Duration step_time, const CheckpointCounters& checkpoints);

 private:
  void SendStreamProgress(const StreamCounters& counters, absl::Duration step_time,
                          const CheckpointCounters& checkpoints);

  StreamConfig config_;
  int64_t first_step_;
  Clock* clock_;
  MessageSink* sink_;
  absl::Duration started_;
  absl::Duration last_report_;
  int64_t last_steps_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_PROGRESS_H_
