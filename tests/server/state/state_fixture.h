// A State to which events are applied one by one, with the fewest words.
#ifndef SEEDBED_TESTS_SERVER_STATE_STATE_FIXTURE_H_
#define SEEDBED_TESTS_SERVER_STATE_STATE_FIXTURE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/state/state.h"
#include "tests/server/support/sweep_event.h"

namespace seedbed {

class StateFixture : public testing::Test {
 protected:
  absl::Status Apply(v1::Event event) {
    event.set_number(state_.last_event() + 1);
    event.set_time_unix_ms(1000 * event.number());
    return state_.Apply(event);
  }

  absl::Status Submit(const std::string& sweep_id, int gangs, int siblings, const std::string& key = "") {
    return Apply(SweepEvent(sweep_id, gangs, siblings, key));
  }

  // On slots "<gang id>:0", "<gang id>:1", ... of worker w unless others are given.
  absl::Status Place(const std::string& gang_id, int attempt, int ranks = 1, std::vector<std::string> slots = {}) {
    v1::Event event = Of(gang_id);
    v1::GangPlaced& body = *event.mutable_gang_placed();
    body.set_gang_id(gang_id);
    body.set_attempt(attempt);
    for (int rank = 0; rank < ranks; ++rank) {
      v1::RankPlacement& placement = *body.add_placements();
      placement.set_rank(rank);
      placement.set_worker("w");
      placement.set_slot(slots.empty() ? absl::StrCat(gang_id, ":", rank) : slots[rank]);
      placement.set_worker_instance("i");
    }
    body.set_device(v1::DEVICE_KIND_CPU);
    return Apply(event);
  }

  absl::Status Advance(const std::string& gang_id, int attempt, const std::vector<std::string>& runs,
                       v1::RunState state) {
    v1::Event event = Of(gang_id);
    v1::RunsAdvanced& body = *event.mutable_runs_advanced();
    body.set_gang_id(gang_id);
    body.set_attempt(attempt);
    body.set_state(state);
    for (const std::string& run : runs) body.add_run_ids(run);
    return Apply(event);
  }

  absl::Status Succeed(const std::string& run_id, int attempt) {
    v1::Event event = Of(run_id);
    event.mutable_run_succeeded()->set_run_id(run_id);
    event.mutable_run_succeeded()->set_attempt(attempt);
    event.mutable_run_succeeded()->mutable_result()->set_steps(7);
    return Apply(event);
  }

  absl::Status Fail(const std::string& run_id, int attempt) {
    v1::Event event = Of(run_id);
    event.mutable_run_failed()->set_run_id(run_id);
    event.mutable_run_failed()->set_attempt(attempt);
    event.mutable_run_failed()->mutable_failure()->set_kind(v1::FAILURE_KIND_NOT_FINITE);
    return Apply(event);
  }

  absl::Status EndAttempt(const std::string& gang_id, int attempt, bool failed = false, int64_t not_before = 0) {
    v1::Event event = Of(gang_id);
    v1::GangAttemptEnded& body = *event.mutable_gang_attempt_ended();
    body.set_gang_id(gang_id);
    body.set_attempt(attempt);
    body.set_not_before_unix_ms(not_before);
    if (failed) body.mutable_failure()->set_kind(v1::FAILURE_KIND_RANK_DIED);
    return Apply(event);
  }

  absl::Status Cancel(const std::string& sweep_id) {
    v1::Event event;
    event.set_sweep_id(sweep_id);
    event.mutable_sweep_cancelled();
    return Apply(event);
  }

  absl::Status Interrupt(const std::string& gang_id, int attempt, v1::Interruption why, bool failed = false) {
    v1::Event event = Of(gang_id);
    v1::GangAttemptEnded& body = *event.mutable_gang_attempt_ended();
    body.set_gang_id(gang_id);
    body.set_attempt(attempt);
    body.set_interruption(why);
    if (failed) body.mutable_failure()->set_kind(v1::FAILURE_KIND_RANK_DIED);
    return Apply(event);
  }

  absl::Status Hold(const std::vector<std::string>& runs) {
    v1::Event event = Of(runs[0]);
    event.mutable_runs_held()->mutable_run_ids()->Assign(runs.begin(), runs.end());
    return Apply(event);
  }

  absl::Status Resume(const std::vector<std::string>& runs) {
    v1::Event event = Of(runs[0]);
    event.mutable_runs_resumed()->mutable_run_ids()->Assign(runs.begin(), runs.end());
    return Apply(event);
  }

  absl::Status CancelRuns(const std::vector<std::string>& runs) {
    v1::Event event = Of(runs[0]);
    event.mutable_runs_cancelled()->mutable_run_ids()->Assign(runs.begin(), runs.end());
    return Apply(event);
  }

  absl::Status Retry(const std::vector<std::string>& runs) {
    v1::Event event = Of(runs[0]);
    event.mutable_runs_retried()->mutable_run_ids()->Assign(runs.begin(), runs.end());
    return Apply(event);
  }

  absl::Status FinishSet(const std::string& set_id, const std::vector<std::string>& runs) {
    v1::Event event = Of(set_id);
    v1::SiblingSetFinished& body = *event.mutable_sibling_set_finished();
    body.set_sibling_set_id(set_id);
    for (const std::string& run : runs) {
      body.add_run_ids(run);
      body.add_results();
      body.add_seeds(0);
    }
    return Apply(event);
  }

  // Places the gang and takes its runs through to success. The attempt goes on.
  void TrainAll(const std::string& gang_id, int attempt) {
    ASSERT_TRUE(Place(gang_id, attempt).ok());
    const std::vector<std::string> runs = state_.FindGang(gang_id)->attempt_run_ids;
    ASSERT_TRUE(Advance(gang_id, attempt, runs, v1::RUN_STATE_TRAINING).ok());
    ASSERT_TRUE(Advance(gang_id, attempt, runs, v1::RUN_STATE_EXPORTING).ok());
    for (const std::string& run : runs) ASSERT_TRUE(Succeed(run, attempt).ok());
  }

  v1::RunState StateOf(const std::string& run_id) { return state_.FindRun(run_id)->state(); }

  // Everything that can be asked, as text.
  std::string Dump() {
    std::string text = absl::StrCat("last ", state_.last_event(), " active ", state_.active_gangs().size(), "\n");
    for (const SweepRecord& sweep : state_.sweeps()) {
      absl::StrAppend(&text, sweep.sweep_id, " state ", DeriveSweepState(sweep), " ended ", sweep.ended_unix_ms,
                      " last ", sweep.last_event, "\n");
      for (const std::string& id : sweep.run_ids) absl::StrAppend(&text, state_.FindRun(id)->DebugString());
      for (const std::string& id : sweep.gang_ids) absl::StrAppend(&text, state_.FindGang(id)->gang.DebugString());
      for (const std::string& id : sweep.sibling_set_ids) {
        absl::StrAppend(&text, state_.FindSiblingSet(id)->set.DebugString(), state_.FindSiblingSet(id)->announced);
      }
      for (const int64_t count : sweep.run_counts) absl::StrAppend(&text, " ", count);
    }
    for (const auto& [order, gang] : state_.queued_gangs()) absl::StrAppend(&text, " queued ", gang->gang.gang_id());
    for (const auto& [time, order] : state_.backing_off()) absl::StrAppend(&text, " backs off ", time, " ", order);
    for (const auto& [worker, slots] : state_.occupied_slots()) absl::StrAppend(&text, " ", worker, " ", slots.size());
    for (const std::string& worker : state_.draining_workers()) absl::StrAppend(&text, " drains ", worker);
    for (const auto& [name, user] : state_.users()) {
      absl::StrAppend(&text, " user ", name, " ", user.most_slots, " ", user.share, " ", user.gangs_queued, " ",
                      user.usage.held(v1::DEVICE_KIND_CPU));
    }
    for (const int64_t count : state_.run_counts()) absl::StrAppend(&text, " ", count);
    for (const int64_t count : state_.sweep_counts()) absl::StrAppend(&text, " ", count);
    return text;
  }

  State state_;

 private:
  // An event of the sweep that an id "s1-r0" belongs to.
  static v1::Event Of(const std::string& id) {
    v1::Event event;
    event.set_sweep_id(id.substr(0, id.find('-')));
    return event;
  }
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_STATE_STATE_FIXTURE_H_
