#include "worker/trainer/checkpoint/checkpointer.h"

#include <utility>

#include "common/logging.h"
#include "common/status.h"
#include "sae/activations/scoped_timer.h"
#include "worker/trainer/checkpoint/resume.h"

namespace seedbed {

std::unique_ptr<Checkpointer> Checkpointer::Make(const TrainerPlan* plan, const StreamIdentity& identity,
                                                 Clock* clock) {
  if (!plan->spec.gang().has_checkpoint()) return nullptr;
  return std::unique_ptr<Checkpointer>(new Checkpointer(plan, identity, clock));
}

Checkpointer::Checkpointer(const TrainerPlan* plan, const StreamIdentity& identity, Clock* clock)
    : plan_(*plan),
      clock_(clock),
      schedule_(plan->spec.gang().checkpoint().every_tokens(),
                absl::Minutes(plan->spec.gang().checkpoint().every_minutes()), plan->stream.batch_tokens),
      labels_(*plan, identity),
      folder_(plan),
      writer_(&folder_, plan->spec.gang().attempt(), clock),
      began_(clock->Monotonic()) {}

absl::StatusOr<StreamStart> Checkpointer::Resume(Collectives& collectives, std::vector<HostedRun>& runs) {
  const absl::Status claimed = folder_.Claim();
  // The worker's business is with the newer attempt alone, whatever this one says.
  if (absl::IsAborted(claimed)) return absl::InternalError(claimed.message());
  if (!claimed.ok()) Log(LogLevel::kWarning, "checkpoints can't be written", {{"error", claimed.message()}});
  ASSIGN_OR_RETURN(StreamStart start, ResumeGang(plan_, folder_, labels_, collectives, runs));
  began_ = clock_->Monotonic();
  first_step_ = start.batches;
  return start;
}

void Checkpointer::StepTaken(std::vector<HostedRun>& runs, ActivationStream& stream, int64_t step) {
  if (!schedule_.IsDue(step, step - first_step_, clock_->Monotonic() - began_) || writer_.is_writing()) return;
  Save(runs, &stream, step);
}

void Checkpointer::SaveLast(std::vector<HostedRun>& runs, ActivationStream* stream, int64_t step) {
  writer_.Wait();
  if (step > saved_step_) Save(runs, stream, step);
  writer_.Wait();
}

void Checkpointer::Save(std::vector<HostedRun>& runs, ActivationStream* stream, int64_t step) {
  const auto timer = AddTimeTo(clock_, &stall_time_);
  Copy(runs, stream, step);
  saved_step_ = step;
  if (!writer_.states().empty()) writer_.Start(step);
  if (!plan_.spec.gang().low_memory()) return;
  writer_.Wait();
  writer_.states() = {};
}

void Checkpointer::Copy(std::vector<HostedRun>& runs, ActivationStream* stream, int64_t step) {
  std::vector<StateToWrite>& states = writer_.states();
  size_t count = 0;
  const auto add = [&](std::string folder, const std::string& label, const StateTensors& state) {
    if (states.size() == count) states.emplace_back();
    StateToWrite& target = states[count++];
    target.folder = std::move(folder);
    target.made_from = label;
    CopyState(state, &target.state);
  };
  if (stream != nullptr) {
    for (const int hookpoint : folder_.written_hookpoints()) {
      add(folder_.StreamFolder(hookpoint), labels_.stream(), stream->State(hookpoint));
    }
  }
  for (HostedRun& run : runs) {
    // A run that is ahead of the stream has had its state saved before.
    const bool is_ahead = run.recorder().steps() > step;
    if (!run.ended() && !is_ahead) add(folder_.RunFolder(run.run_id()), labels_.OfRun(run.planned()), run.State());
  }
  states.resize(count);
}

void Checkpointer::RunEnded(const std::string& run_id) {
  writer_.Wait();
  const absl::Status removed = folder_.RemoveRun(run_id);
  if (!removed.ok()) Log(LogLevel::kWarning, "checkpoints of a run not removed", {{"error", removed.message()}});
}

CheckpointCounters Checkpointer::counters() const {
  CheckpointCounters counters = writer_.counters();
  counters.stall_time = stall_time_;
  return counters;
}

}  // namespace seedbed
