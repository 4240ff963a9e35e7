// The events of one decision, gathered before any of them is applied.
#ifndef SEEDBED_SERVER_COORDINATOR_DECISION_H_
#define SEEDBED_SERVER_COORDINATOR_DECISION_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "seedbed/v1/event.pb.h"
#include "server/state/state.h"

namespace seedbed {

// Knows what the state will be once its events are applied, so that later parts of a decision build on earlier ones.
// The State must not change meanwhile. Not thread-safe.
class Decision {
 public:
  explicit Decision(const State& state) : state_(state) {}

  // Of a run that the state knows.
  v1::RunState StateOf(absl::string_view run_id) const;

  // To TRAINING or EXPORTING; runs of the gang's current attempt that are in the state before it. None = no event.
  void Advance(const GangRecord& gang, std::vector<std::string> run_ids, v1::RunState to);
  // A run that ended well. Where another one of its sweep, stream and hookpoint succeeded with other batches, in
  // whatever attempt, it fails with BATCH_MISMATCH: one of the two was not trained on what its stream says.
  void EndWell(const GangRecord& gang, const std::string& run_id, const v1::RunResult& result);
  // The failure is cut to what a log should hold.
  void Fail(const GangRecord& gang, const std::string& run_id, const v1::Failure& failure);
  void EndAttempt(const GangRecord& gang, const std::optional<v1::Failure>& failure, int64_t not_before_unix_ms);
  // Ends an attempt that has not failed. `preempted_by` is the gang that takes its slots; empty = none does.
  void Interrupt(const GangRecord& gang, v1::Interruption why, const std::string& preempted_by);
  void Place(const GangRecord& gang, absl::Span<const v1::RankPlacement> placements, v1::DeviceKind device);
  // With the attempts of its active gangs.
  void Cancel(const SweepRecord& sweep);
  // Each is of runs of one sweep, none = no event; attempts that train some of them are interrupted first.
  void Hold(const SweepRecord& sweep, const std::vector<std::string>& run_ids);
  void CancelRuns(const SweepRecord& sweep, const std::vector<std::string>& run_ids);
  // Of runs that are HELD, or have FAILED.
  void Resume(const SweepRecord& sweep, const std::vector<std::string>& run_ids);
  void Retry(const SweepRecord& sweep, const std::vector<std::string>& run_ids);
  void ChangeDrain(const std::string& worker, bool draining);
  void ChangeQuota(const v1::QuotaChanged& quota);
  void Submit(const std::string& sweep_id, v1::SweepSubmitted body);

  // The events, without numbers and times, and after them a SiblingSetFinished for each set whose last run ended here
  // and of which at least two runs succeeded.
  std::vector<v1::Event> Take();

 private:
  using Batches = std::pair<std::string, std::string>;  // Stream key and NameOfBatches.
  struct SucceededRun {
    std::string run_id;
    std::string batch_hash;
  };

  // The first that succeeded on these batches; nullopt = none has, or none said which.
  std::optional<SucceededRun> FirstSucceeded(const GangRecord& gang, const Batches& batches) const;
  void Succeed(const GangRecord& gang, const std::string& run_id, const v1::RunResult& result);
  v1::Event& Add(const std::string& sweep_id);
  void EndRun(const std::string& run_id, v1::RunState state);
  void FinishSet(const SiblingSetRecord& set);
  // The attempts that train some of the runs.
  void InterruptGangsOf(const std::vector<std::string>& run_ids, v1::Interruption why);

  const State& state_;
  std::vector<v1::Event> events_;
  absl::flat_hash_map<std::string, v1::RunState> changed_runs_;
  absl::flat_hash_map<std::string, v1::RunResult> results_;     // Of runs that succeeded here.
  absl::flat_hash_map<Batches, SucceededRun> first_succeeded_;  // Of those.
  absl::btree_set<std::string> touched_sets_;
};

// The same failure, its message cut to 2000 bytes and its log tail to 50 lines of 500 bytes, between characters.
v1::Failure BoundedFailure(const v1::Failure& failure);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_DECISION_H_
