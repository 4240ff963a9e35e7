#include "server/coordinator/gang_review.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/scheduler/retry_policy.h"

namespace seedbed {
namespace {

struct RankView {
  const v1::RankPlacement* placement = nullptr;
  const v1::RankStatus* status = nullptr;  // nullptr = its worker has not mentioned it yet.
  bool lost = false;

  bool exited() const { return status != nullptr && status->state() == v1::RANK_STATE_EXITED; }
};

std::vector<RankView> ViewRanks(const GangRecord& gang, const WorkerTable& workers, absl::Duration now) {
  v1::RankKey key;
  key.set_gang_id(gang.gang.gang_id());
  key.set_attempt(gang.gang.attempt());
  std::vector<RankView> ranks;
  for (const v1::RankPlacement& placement : gang.gang.placements()) {
    key.set_rank(placement.rank());
    RankView& view = ranks.emplace_back();
    view.placement = &placement;
    view.status = workers.FindRank(placement.worker(), placement.worker_instance(), key);
    view.lost = workers.IsLost(placement.worker(), placement.worker_instance(), now);
  }
  return ranks;
}

// What all ranks together say of the runs of the attempt.
struct RunNews {
  absl::flat_hash_set<absl::string_view> training;
  absl::flat_hash_set<absl::string_view> exporting;
  absl::flat_hash_map<absl::string_view, const v1::RunOutcome*> outcomes;
};

RunNews GatherNews(const std::vector<RankView>& ranks) {
  RunNews news;
  for (const RankView& rank : ranks) {
    if (rank.status == nullptr) continue;
    for (const v1::RunProgress& progress : rank.status->progress()) {
      if (progress.step() >= 1) news.training.insert(progress.run_id());
    }
    for (const std::string& run_id : rank.status->exporting_run_ids()) news.exporting.insert(run_id);
    for (const v1::RunOutcome& outcome : rank.status->outcomes()) news.outcomes.emplace(outcome.run_id(), &outcome);
  }
  return news;
}

// A report may show a run further on than the one before, with states skipped: each is passed through.
void AdvanceRuns(const GangRecord& gang, const RunNews& news, Decision& decision) {
  std::vector<std::string> to_training;
  std::vector<std::string> to_exporting;
  for (const std::string& run_id : gang.attempt_run_ids) {
    const v1::RunState state = decision.StateOf(run_id);
    const auto outcome = news.outcomes.find(run_id);
    const bool succeeded = outcome != news.outcomes.end() && outcome->second->has_result();
    const bool exporting = succeeded || news.exporting.contains(run_id);
    const bool training = exporting || news.training.contains(run_id);
    if (training && state == v1::RUN_STATE_PLACED) to_training.push_back(run_id);
    if (exporting && (state == v1::RUN_STATE_PLACED || state == v1::RUN_STATE_TRAINING)) to_exporting.push_back(run_id);
  }
  decision.Advance(gang, std::move(to_training), v1::RUN_STATE_TRAINING);
  decision.Advance(gang, std::move(to_exporting), v1::RUN_STATE_EXPORTING);
}

void EndRuns(const GangRecord& gang, const RunNews& news, Decision& decision) {
  for (const std::string& run_id : gang.attempt_run_ids) {
    const auto outcome = news.outcomes.find(run_id);
    if (outcome == news.outcomes.end() || HasEnded(decision.StateOf(run_id))) continue;
    if (outcome->second->has_result()) {
      decision.EndWell(gang, run_id, outcome->second->result());
    } else {
      decision.Fail(gang, run_id, outcome->second->failure());
    }
  }
}

v1::Failure MakeFailure(v1::FailureKind kind, int rank, std::string message) {
  v1::Failure failure;
  failure.set_kind(kind);
  failure.set_rank(rank);
  failure.set_message(std::move(message));
  return failure;
}

// Where several ranks failed, the kind that explains the others comes first: a rank whose peer went away fails too.
int ExplanatoryOrder(const v1::Failure& failure) {
  switch (failure.kind()) {
    case v1::FAILURE_KIND_USER_ERROR:
    case v1::FAILURE_KIND_DAMAGED_INPUT:
      return 0;
    case v1::FAILURE_KIND_NOT_FINITE:
      return 1;
    case v1::FAILURE_KIND_WORKER_LOST:
      return 2;
    case v1::FAILURE_KIND_IO:
    case v1::FAILURE_KIND_OUT_OF_MEMORY:
      return 3;
    case v1::FAILURE_KIND_RANK_DIED:
      return failure.signal() != 0 ? 4 : 5;
    case v1::FAILURE_KIND_HUNG_COLLECTIVE:
      return 7;
    default:
      return 6;
  }
}

std::optional<v1::Failure> ChooseFailure(const std::vector<RankView>& ranks) {
  std::optional<v1::Failure> chosen;
  const auto offer = [&](const v1::Failure& failure) {
    if (!chosen.has_value() || ExplanatoryOrder(failure) < ExplanatoryOrder(*chosen)) chosen = failure;
  };
  for (const RankView& rank : ranks) {
    if (rank.lost) {
      offer(MakeFailure(v1::FAILURE_KIND_WORKER_LOST, rank.placement->rank(),
                        absl::StrCat("worker ", rank.placement->worker(), " went away or was started anew")));
    } else if (rank.exited() && rank.status->has_failure()) {
      v1::Failure failure = rank.status->failure();
      failure.set_rank(rank.placement->rank());
      offer(failure);
    }
  }
  return chosen;
}

void FailAttempt(const GangRecord& gang, const v1::Failure& failure, int64_t now_unix_ms, Decision& decision) {
  const v1::Failure bounded = BoundedFailure(failure);
  const std::optional<int64_t> backoff_ms = RetryBackoffMs(bounded.kind(), gang.failed_attempts[bounded.kind()] + 1);
  if (backoff_ms.has_value()) {
    decision.EndAttempt(gang, bounded, now_unix_ms + *backoff_ms);
    return;
  }
  for (const std::string& run_id : gang.attempt_run_ids) {
    if (!HasEnded(decision.StateOf(run_id))) decision.Fail(gang, run_id, bounded);
  }
  decision.EndAttempt(gang, bounded, 0);
}

}  // namespace

void ReviewGang(const GangRecord& gang, const WorkerTable& workers, const ReviewTime& now, Decision& decision) {
  const std::vector<RankView> ranks = ViewRanks(gang, workers, now.monotonic);
  const RunNews news = GatherNews(ranks);
  AdvanceRuns(gang, news, decision);
  EndRuns(gang, news, decision);

  const bool ranks_ended =
      std::all_of(ranks.begin(), ranks.end(), [](const RankView& rank) { return rank.exited() || rank.lost; });
  const auto unanswered = std::find_if(gang.attempt_run_ids.begin(), gang.attempt_run_ids.end(),
                                       [&](const std::string& run_id) { return !HasEnded(decision.StateOf(run_id)); });
  if (unanswered == gang.attempt_run_ids.end()) {
    if (ranks_ended) decision.EndAttempt(gang, std::nullopt, 0);
    return;
  }
  if (const std::optional<v1::Failure> failure = ChooseFailure(ranks); failure.has_value()) {
    FailAttempt(gang, *failure, now.unix_ms, decision);
  } else if (ranks_ended) {
    FailAttempt(gang,
                MakeFailure(v1::FAILURE_KIND_INTERNAL, 0,
                            absl::StrCat("every rank ended well, but none said what came of ", *unanswered)),
                now.unix_ms, decision);
  }
}

bool PreviousRanksAreGone(const GangRecord& gang, const WorkerTable& workers, absl::Duration now) {
  for (const v1::RankPlacement& placement : gang.gang.placements()) {
    if (workers.IsLost(placement.worker(), placement.worker_instance(), now)) continue;
    const WorkerEntry* worker = workers.Find(placement.worker());
    if (worker == nullptr || !WorkerTable::IsInStep(*worker)) return false;
    for (const v1::RankStatus& rank : worker->report.ranks()) {
      if (rank.key().gang_id() == gang.gang.gang_id() && rank.state() != v1::RANK_STATE_EXITED) return false;
    }
  }
  return true;
}

}  // namespace seedbed
