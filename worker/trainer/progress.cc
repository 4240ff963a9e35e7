#include "worker/trainer/progress.h"

#include <algorithm>

#include "worker/trainer/run_export.h"

namespace seedbed {
namespace {

constexpr absl::Duration kReportInterval = absl::Milliseconds(500);

}  // namespace

double EstimateSecondsLeft(const TrainingProgress& progress) {
  if (progress.steps == 0 || progress.tokens_harvested == 0) return -1;
  const double seconds_a_token =
      absl::ToDoubleSeconds(progress.harvest_time) / static_cast<double>(progress.tokens_harvested);
  const double seconds_a_step =
      absl::ToDoubleSeconds(progress.elapsed - progress.harvest_time) / static_cast<double>(progress.steps);
  return static_cast<double>(progress.tokens_to_harvest - progress.tokens_harvested) * seconds_a_token +
         static_cast<double>(progress.total_steps - progress.steps) * seconds_a_step;
}

ProgressReporter::ProgressReporter(const StreamConfig& config, int64_t first_step, Clock* clock, MessageSink* sink)
    : config_(config),
      first_step_(first_step),
      clock_(clock),
      sink_(sink),
      started_(clock->Monotonic()),
      last_report_(started_),
      last_steps_(first_step) {}

bool ProgressReporter::Due() const { return clock_->Monotonic() - last_report_ >= kReportInterval; }

void ProgressReporter::Report(const std::vector<HostedRun>& runs, const ActivationStream& stream, int64_t steps,
                              absl::Duration step_time, const CheckpointCounters& checkpoints) {
  const absl::Duration now = clock_->Monotonic();
  const StreamCounters counters = stream.counters();
  const TrainingProgress rank = {now - started_,
                                 counters.harvest_time + counters.exchange_time,
                                 stream.gang_tokens_harvested(),
                                 stream.tokens_to_harvest(),
                                 steps - first_step_,
                                 config_.total_batches() - first_step_};
  const double seconds = absl::ToDoubleSeconds(now - last_report_);
  const double rows = static_cast<double>((steps - last_steps_) * config_.batch_tokens);
  for (const HostedRun& run : runs) {
    if (run.ended()) continue;
    v1::RankMessage message;
    v1::RunProgress* progress = message.mutable_progress();
    progress->set_run_id(run.run_id());
    progress->set_step(run.recorder().steps());
    progress->set_total_steps(config_.total_batches());
    *progress->mutable_metrics() = ToProto(run.recorder().latest());
    progress->set_rows_per_second(seconds > 0 ? rows / seconds : 0);
    progress->set_tokens_harvested(rank.tokens_harvested);
    progress->set_tokens_to_harvest(rank.tokens_to_harvest);
    progress->set_seconds_left(EstimateSecondsLeft(rank));
    progress->set_resumed_step(run.resumed_step());
    progress->set_checkpoint_step(std::max(run.resumed_step(), checkpoints.step));
    sink_->Send(message);
  }
  SendStreamProgress(counters, step_time, checkpoints);
  last_report_ = now;
  last_steps_ = steps;
}

void ProgressReporter::SendStreamProgress(const StreamCounters& counters, absl::Duration step_time,
                                          const CheckpointCounters& checkpoints) {
  v1::RankMessage message;
  v1::StreamProgress* progress = message.mutable_stream_progress();
  progress->set_tokens_harvested(counters.tokens_harvested);
  progress->set_exchange_bytes_sent(counters.exchange_bytes_sent);
  progress->set_harvest_seconds(absl::ToDoubleSeconds(counters.harvest_time));
  progress->set_exchange_seconds(absl::ToDoubleSeconds(counters.exchange_time));
  progress->set_step_seconds(absl::ToDoubleSeconds(step_time));
  progress->set_spool_seconds(absl::ToDoubleSeconds(counters.spool_time));
  progress->set_rows_from_cache(counters.rows_from_cache);
  progress->set_cache_shards_refused(counters.cache_shards_refused);
  progress->set_stall_seconds(absl::ToDoubleSeconds(counters.stall_time));
  progress->set_checkpoints(checkpoints.written);
  progress->set_checkpoint_bytes(checkpoints.bytes);
  progress->set_checkpoint_seconds(absl::ToDoubleSeconds(checkpoints.write_time));
  progress->set_checkpoint_stall_seconds(absl::ToDoubleSeconds(checkpoints.stall_time));
  sink_->Send(message);
}

}  // namespace seedbed
