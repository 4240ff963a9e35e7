#include "server/coordinator/decision.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace seedbed {
namespace {

constexpr size_t kMostMessageBytes = 2000;
constexpr int kMostTailLines = 50;
constexpr size_t kMostLineBytes = 500;

std::string CutBetweenCharacters(const std::string& text, size_t most_bytes) {
  if (text.size() <= most_bytes) return text;
  size_t length = most_bytes;
  // 10xxxxxx continues a UTF-8 character.
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  return text.substr(0, length);
}

absl::string_view Named(absl::string_view batch_hash) {
  return batch_hash.empty() ? "that it did not name" : batch_hash;
}

}  // namespace

v1::Failure BoundedFailure(const v1::Failure& failure) {
  v1::Failure bounded = failure;
  if (!v1::FailureKind_IsValid(bounded.kind()) || bounded.kind() == v1::FAILURE_KIND_UNSPECIFIED) {
    bounded.set_kind(v1::FAILURE_KIND_INTERNAL);
  }
  bounded.set_message(CutBetweenCharacters(failure.message(), kMostMessageBytes));
  bounded.clear_log_tail();
  for (int i = std::max(0, failure.log_tail_size() - kMostTailLines); i < failure.log_tail_size(); ++i) {
    bounded.add_log_tail(CutBetweenCharacters(failure.log_tail(i), kMostLineBytes));
  }
  return bounded;
}

v1::RunState Decision::StateOf(absl::string_view run_id) const {
  const auto changed = changed_runs_.find(run_id);
  return changed != changed_runs_.end() ? changed->second : state_.FindRun(run_id)->state();
}

v1::Event& Decision::Add(const std::string& sweep_id) {
  v1::Event& event = events_.emplace_back();
  event.set_sweep_id(sweep_id);
  return event;
}

void Decision::Advance(const GangRecord& gang, std::vector<std::string> run_ids, v1::RunState to) {
  if (run_ids.empty()) return;
  v1::RunsAdvanced& body = *Add(gang.gang.sweep_id()).mutable_runs_advanced();
  body.set_gang_id(gang.gang.gang_id());
  body.set_attempt(gang.gang.attempt());
  body.set_state(to);
  for (std::string& run_id : run_ids) {
    changed_runs_[run_id] = to;
    body.add_run_ids(std::move(run_id));
  }
}

void Decision::EndRun(const std::string& run_id, v1::RunState state) {
  changed_runs_[run_id] = state;
  touched_sets_.insert(state_.FindRun(run_id)->sibling_set_id());
}

std::optional<Decision::SucceededRun> Decision::FirstSucceeded(const GangRecord& gang, const Batches& batches) const {
  const SweepRecord& sweep = *state_.FindSweep(gang.gang.sweep_id());
  if (const auto earlier = sweep.first_succeeded.find(batches); earlier != sweep.first_succeeded.end()) {
    return SucceededRun{earlier->second, state_.FindRun(earlier->second)->result().batch_hash()};
  }
  const auto here = first_succeeded_.find(batches);
  return here == first_succeeded_.end() ? std::nullopt : std::optional(here->second);
}

void Decision::EndWell(const GangRecord& gang, const std::string& run_id, const v1::RunResult& result) {
  const Batches batches = {gang.gang.stream_key(), NameOfBatches(state_.FindRun(run_id)->sae())};
  const std::optional<SucceededRun> first = FirstSucceeded(gang, batches);
  if (first.has_value() && first->batch_hash != result.batch_hash()) {
    v1::Failure failure;
    failure.set_kind(v1::FAILURE_KIND_BATCH_MISMATCH);
    failure.set_message(absl::StrCat("run ", run_id, " was trained on batches ", Named(result.batch_hash()),
                                     ", but run ", first->run_id, " of the same stream and hookpoint ", batches.second,
                                     " on ", Named(first->batch_hash)));
    return Fail(gang, run_id, failure);
  }
  if (!result.batch_hash().empty()) first_succeeded_.try_emplace(batches, SucceededRun{run_id, result.batch_hash()});
  Succeed(gang, run_id, result);
}

void Decision::Succeed(const GangRecord& gang, const std::string& run_id, const v1::RunResult& result) {
  v1::RunSucceeded& body = *Add(gang.gang.sweep_id()).mutable_run_succeeded();
  body.set_run_id(run_id);
  body.set_attempt(gang.gang.attempt());
  *body.mutable_result() = result;
  results_[run_id] = result;
  EndRun(run_id, v1::RUN_STATE_SUCCEEDED);
}

void Decision::Fail(const GangRecord& gang, const std::string& run_id, const v1::Failure& failure) {
  v1::RunFailed& body = *Add(gang.gang.sweep_id()).mutable_run_failed();
  body.set_run_id(run_id);
  body.set_attempt(gang.gang.attempt());
  *body.mutable_failure() = BoundedFailure(failure);
  EndRun(run_id, v1::RUN_STATE_FAILED);
}

void Decision::EndAttempt(const GangRecord& gang, const std::optional<v1::Failure>& failure,
                          int64_t not_before_unix_ms) {
  v1::GangAttemptEnded& body = *Add(gang.gang.sweep_id()).mutable_gang_attempt_ended();
  body.set_gang_id(gang.gang.gang_id());
  body.set_attempt(gang.gang.attempt());
  body.set_not_before_unix_ms(not_before_unix_ms);
  if (failure.has_value()) *body.mutable_failure() = BoundedFailure(*failure);
}

void Decision::Interrupt(const GangRecord& gang, v1::Interruption why, const std::string& preempted_by) {
  EndAttempt(gang, std::nullopt, 0);
  v1::GangAttemptEnded& body = *events_.back().mutable_gang_attempt_ended();
  body.set_interruption(why);
  body.set_preempted_by(preempted_by);
}

void Decision::InterruptGangsOf(const std::vector<std::string>& run_ids, v1::Interruption why) {
  absl::btree_set<std::string> gangs;
  for (const std::string& run_id : run_ids) {
    const v1::Run& run = *state_.FindRun(run_id);
    if (run.state() != v1::RUN_STATE_QUEUED && run.state() != v1::RUN_STATE_HELD) gangs.insert(run.gang_id());
  }
  for (const std::string& gang_id : gangs) Interrupt(*state_.FindGang(gang_id), why, "");
}

void Decision::Place(const GangRecord& gang, absl::Span<const v1::RankPlacement> placements, v1::DeviceKind device) {
  v1::GangPlaced& body = *Add(gang.gang.sweep_id()).mutable_gang_placed();
  body.set_gang_id(gang.gang.gang_id());
  body.set_attempt(gang.gang.attempt() + 1);
  for (const v1::RankPlacement& placement : placements) *body.add_placements() = placement;
  body.set_device(device);
}

void Decision::Cancel(const SweepRecord& sweep) {
  Add(sweep.sweep_id).mutable_sweep_cancelled();
  for (const std::string& run_id : sweep.run_ids) {
    if (!HasEnded(StateOf(run_id))) EndRun(run_id, v1::RUN_STATE_CANCELLED);
  }
  for (const std::string& gang_id : sweep.gang_ids) {
    const GangRecord& gang = *state_.FindGang(gang_id);
    if (gang.gang.state() == v1::GANG_STATE_ACTIVE) EndAttempt(gang, std::nullopt, 0);
  }
}

void Decision::Hold(const SweepRecord& sweep, const std::vector<std::string>& run_ids) {
  if (run_ids.empty()) return;
  InterruptGangsOf(run_ids, v1::INTERRUPTION_RUNS_HELD);
  v1::RunsHeld& body = *Add(sweep.sweep_id).mutable_runs_held();
  body.mutable_run_ids()->Assign(run_ids.begin(), run_ids.end());
}

void Decision::CancelRuns(const SweepRecord& sweep, const std::vector<std::string>& run_ids) {
  if (run_ids.empty()) return;
  InterruptGangsOf(run_ids, v1::INTERRUPTION_RUNS_CANCELLED);
  v1::RunsCancelled& body = *Add(sweep.sweep_id).mutable_runs_cancelled();
  body.mutable_run_ids()->Assign(run_ids.begin(), run_ids.end());
  for (const std::string& run_id : run_ids) EndRun(run_id, v1::RUN_STATE_CANCELLED);
}

void Decision::Resume(const SweepRecord& sweep, const std::vector<std::string>& run_ids) {
  if (run_ids.empty()) return;
  v1::RunsResumed& body = *Add(sweep.sweep_id).mutable_runs_resumed();
  body.mutable_run_ids()->Assign(run_ids.begin(), run_ids.end());
}

void Decision::Retry(const SweepRecord& sweep, const std::vector<std::string>& run_ids) {
  if (run_ids.empty()) return;
  v1::RunsRetried& body = *Add(sweep.sweep_id).mutable_runs_retried();
  body.mutable_run_ids()->Assign(run_ids.begin(), run_ids.end());
}

void Decision::ChangeDrain(const std::string& worker, bool draining) {
  v1::WorkerDrainChanged& body = *Add("").mutable_worker_drain_changed();
  body.set_worker(worker);
  body.set_draining(draining);
}

void Decision::ChangeQuota(const v1::QuotaChanged& quota) { *Add("").mutable_quota_changed() = quota; }

void Decision::Submit(const std::string& sweep_id, v1::SweepSubmitted body) {
  v1::RunsHeld held;
  if (body.spec().scheduling().hold()) {
    for (const v1::Run& run : body.runs()) held.add_run_ids(run.run_id());
  }
  *Add(sweep_id).mutable_sweep_submitted() = std::move(body);
  if (!held.run_ids().empty()) *Add(sweep_id).mutable_runs_held() = std::move(held);
}

void Decision::FinishSet(const SiblingSetRecord& set) {
  const SweepRecord& sweep = *state_.FindSweep(set.sweep_id);
  v1::SiblingSetFinished body;
  for (const std::string& run_id : set.set.run_ids()) {
    const v1::RunState run_state = StateOf(run_id);
    if (!HasEnded(run_state)) return;
    if (run_state != v1::RUN_STATE_SUCCEEDED) continue;
    const v1::Run& run = *state_.FindRun(run_id);
    const auto result = results_.find(run_id);
    body.add_run_ids(run_id);
    *body.add_results() = result != results_.end() ? result->second : run.result();
    body.add_seeds(run.sae().seed());
    body.set_trained_tokens(body.results().rbegin()->steps() *
                            state_.FindGang(run.gang_id())->gang.stream().batch_tokens());
  }
  if (body.run_ids_size() < 2) return;
  body.set_sibling_set_id(set.set.sibling_set_id());
  body.set_threshold(sweep.spec.agreement().threshold());
  body.set_consensus_members(sweep.spec.agreement().consensus_members());
  *Add(set.sweep_id).mutable_sibling_set_finished() = std::move(body);
}

std::vector<v1::Event> Decision::Take() {
  for (const std::string& set_id : touched_sets_) FinishSet(*state_.FindSiblingSet(set_id));
  touched_sets_.clear();
  return std::move(events_);
}

}  // namespace seedbed
