// The coordinator's state: what applying every event of the log, in order, gives. A function of its input: it knows no
// clock, storage or network, so replaying a log gives the same state everywhere.
//
//   Run HELD
//       ^|(8)
//    (8)|v     (1)            (2)             (3)               (4)
//    QUEUED ------> PLACED ------> TRAINING ------> EXPORTING ------> SUCCEEDED
//      ^ ^            |               |                |
//      | +-----(5)----+-------(5)-----+-------(5)------+------(6)--> FAILED --(9)--+
//      +---------------------------------------------------------------------------+
//    any state before the end --(7)--> CANCELLED
//
//   Gang HELD
//       ^|(8)
//    (8)|v     (1)                      (10)
//    QUEUED ------> ACTIVE --------------------------> ENDED --(9)--> QUEUED
//      ^  |            |                                 ^
//      |  +------------|---------------(7)---------------+
//      +------(5)------+--(5), where what is left is held--> HELD
//
// (1) GangPlaced: the gang's next attempt got free slots for all its ranks, and its queued runs with it.
// (2) RunsAdvanced to TRAINING: their first step was taken.
// (3) RunsAdvanced to EXPORTING: their last step was taken.
// (4) RunSucceeded: the export is on disk.
// (5) GangAttemptEnded while the attempt has unended runs: those, and the gang, wait for slots again. The attempt
// failed,
//     or was interrupted: then it counts against no limit of retries.
// (6) RunFailed: a failure that is not retried, or one retry too many. Only a run of an active gang fails.
// (7) SweepCancelled, or RunsCancelled of runs that wait. An active gang keeps its slots until its GangAttemptEnded
//     follows.
// (8) RunsHeld, of runs that are queued; RunsResumed. A gang is held while every run that is left of it is.
// (9) RunsRetried, of runs that failed; their gang has all its retries again.
// (10) GangAttemptEnded once every run of the gang has ended.
//
// WorkerDrainChanged and QuotaChanged belong to no sweep and change no run.
//
// Events of an attempt carry its number; one that is not the gang's current attempt contradicts the state.
#ifndef SEEDBED_SERVER_STATE_STATE_H_
#define SEEDBED_SERVER_STATE_STATE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "seedbed/v1/event.pb.h"
#include "server/state/records.h"

namespace seedbed {

inline constexpr size_t kWholeAttemptsKept = 8;

// Not thread-safe. Pointers that a query returns stay valid for as long as the State; what they point to changes with
// Apply. An event costs time in proportion to what it touches, never to all sweeps, runs or gangs.
class State {
 public:
  using SlotGangs = absl::flat_hash_map<std::string, const GangRecord*>;  // By slot.

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // FAILED_PRECONDITION, naming the event and what it contradicts; then nothing has changed.
  absl::Status Apply(const v1::Event& event);

  int64_t last_event() const { return last_event_; }

  // By the order of submission; the newest is last.
  const std::deque<SweepRecord>& sweeps() const { return sweeps_; }

  // nullptr where there is none.
  const SweepRecord* FindSweep(absl::string_view sweep_id) const;
  const SweepRecord* FindSweepByKey(absl::string_view idempotency_key) const;
  const v1::Run* FindRun(absl::string_view run_id) const;
  const GangRecord* FindGang(absl::string_view gang_id) const;
  const SiblingSetRecord* FindSiblingSet(absl::string_view sibling_set_id) const;

  // Gangs that wait for slots, in the order of submission.
  const absl::btree_map<int64_t, const GangRecord*>& queued_gangs() const { return queued_gangs_; }

  // Those of them with a back-off, by the time at which it passes.
  const absl::btree_set<std::pair<int64_t, int64_t>>& backing_off() const { return backing_off_; }

  // Which slots active gangs hold, by worker. A worker without any is absent.
  const absl::flat_hash_map<std::string, SlotGangs>& occupied_slots() const { return occupied_slots_; }

  // Gangs that have slots, in the order of submission.
  const absl::btree_map<int64_t, const GangRecord*>& active_gangs() const { return active_gangs_; }

  const absl::btree_set<std::string>& draining_workers() const { return draining_workers_; }
  // All that a sweep or a quota named, by name.
  const std::map<std::string, UserRecord>& users() const { return users_; }
  // The latest of each device kind, at most kWholeAttemptsKept; the newest is last.
  const std::deque<WholeAttempt>& whole_attempts(v1::DeviceKind device) const { return whole_attempts_[device]; }

  const RunCounts& run_counts() const { return run_counts_; }
  const SweepCounts& sweep_counts() const { return sweep_counts_; }

 private:
  SweepRecord* MutableSweep(absl::string_view sweep_id);

  // Each checks the whole event before it changes anything.
  absl::Status Submit(const v1::Event& event, const v1::SweepSubmitted& body);
  absl::Status Place(SweepRecord& sweep, const v1::GangPlaced& body, int64_t time_unix_ms);
  absl::Status Advance(SweepRecord& sweep, const v1::RunsAdvanced& body);
  absl::Status Succeed(SweepRecord& sweep, const v1::RunSucceeded& body, int64_t time_unix_ms);
  absl::Status Fail(SweepRecord& sweep, const v1::RunFailed& body, int64_t time_unix_ms);
  absl::Status EndAttempt(SweepRecord& sweep, const v1::GangAttemptEnded& body, int64_t time_unix_ms);
  absl::Status Cancel(SweepRecord& sweep, int64_t time_unix_ms);
  absl::Status FinishSet(SweepRecord& sweep, const v1::SiblingSetFinished& body);
  absl::Status Hold(SweepRecord& sweep, const v1::RunsHeld& body);
  absl::Status Resume(SweepRecord& sweep, const v1::RunsResumed& body);
  absl::Status CancelRuns(SweepRecord& sweep, const v1::RunsCancelled& body, int64_t time_unix_ms);
  absl::Status Retry(SweepRecord& sweep, const v1::RunsRetried& body);
  absl::Status ChangeDrain(const v1::WorkerDrainChanged& body);
  absl::Status ChangeQuota(const v1::QuotaChanged& body);
  absl::Status ApplyToSweep(SweepRecord& sweep, const v1::Event& event);

  absl::Status CheckPlacement(const GangRecord& gang, const v1::GangPlaced& body) const;
  absl::Status CheckFinishedSet(const SiblingSetRecord& set, const v1::SiblingSetFinished& body) const;
  // The gang, when it belongs to the sweep, is active and `attempt` is its current one.
  absl::StatusOr<GangRecord*> ActiveGang(const SweepRecord& sweep, absl::string_view gang_id, int attempt);
  // The run, when it belongs to the sweep and `attempt` is the current one of its active gang.
  absl::StatusOr<v1::Run*> RunningRun(const SweepRecord& sweep, absl::string_view run_id, int attempt);
  // The runs, when there are any, all belong to the sweep, each is there once, and `allowed` holds for the state of
  // each; else what can't be `done` to one.
  template <typename Allowed>
  absl::StatusOr<std::vector<v1::Run*>> RunsOf(const SweepRecord& sweep,
                                               const google::protobuf::RepeatedPtrField<std::string>& run_ids,
                                               absl::string_view done, Allowed allowed);

  void AddRuns(SweepRecord& sweep, const v1::SweepSubmitted& body);
  void AddGangs(SweepRecord& sweep, const v1::SweepSubmitted& body);
  void MoveRun(SweepRecord& sweep, v1::Run& run, v1::RunState to);
  void EndRun(SweepRecord& sweep, v1::Run& run, v1::RunState to, int64_t time_unix_ms);
  UserRecord& UserNamed(const std::string& name);
  void Enqueue(GangRecord& gang);
  void Dequeue(GangRecord& gang);
  // A gang without slots is QUEUED, HELD or ENDED by the states of its runs.
  void Requeue(GangRecord& gang);
  void RequeueGangsOf(const std::vector<v1::Run*>& runs);
  void ReleaseSlots(GangRecord& gang, int64_t time_unix_ms);
  void KeepWholeAttempt(const GangRecord& gang, int64_t time_unix_ms);

  int64_t last_event_ = 0;
  int64_t gangs_submitted_ = 0;
  std::map<std::string, UserRecord> users_;  // References stay valid.
  std::deque<SweepRecord> sweeps_;           // References stay valid while it grows.
  absl::flat_hash_map<std::string, SweepRecord*> sweeps_by_id_;
  absl::flat_hash_map<std::string, const SweepRecord*> sweeps_by_key_;
  absl::node_hash_map<std::string, v1::Run> runs_;
  absl::node_hash_map<std::string, GangRecord> gangs_;
  absl::node_hash_map<std::string, SiblingSetRecord> sibling_sets_;
  absl::btree_map<int64_t, const GangRecord*> queued_gangs_;  // By order.
  absl::btree_map<int64_t, const GangRecord*> active_gangs_;  // Likewise.
  absl::btree_set<std::pair<int64_t, int64_t>> backing_off_;  // (not_before_unix_ms, order).
  absl::flat_hash_map<std::string, SlotGangs> occupied_slots_;
  RunCounts run_counts_ = {};
  SweepCounts sweep_counts_ = {};
  absl::btree_set<std::string> draining_workers_;
  std::array<std::deque<WholeAttempt>, v1::DeviceKind_ARRAYSIZE> whole_attempts_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_STATE_STATE_H_
