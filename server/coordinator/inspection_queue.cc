#include "server/coordinator/inspection_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/scheduler/sweep_resolution.h"

namespace seedbed {
namespace {

// All of them may be with one worker, whose directive and report must stay below the largest message.
constexpr size_t kMostInspections = 32;
constexpr size_t kMostBytes = 2 << 20;

int RunningRanks(const v1::WorkerReport& report) {
  return static_cast<int>(std::count_if(report.ranks().begin(), report.ranks().end(), [](const v1::RankStatus& rank) {
    return rank.state() != v1::RANK_STATE_EXITED;
  }));
}

}  // namespace

bool InspectionQueue::HasRoomFor(const v1::SweepSpec& spec) const {
  return inspections_.size() < kMostInspections && bytes_ + spec.ByteSizeLong() <= kMostBytes;
}

std::string InspectionQueue::Add(const v1::SweepSpec& spec, absl::Duration now) {
  Inspection& inspection = inspections_[++last_number_];
  inspection.request.set_inspection_id(absl::StrCat(epoch_, "-", last_number_));
  *inspection.request.mutable_spec() = spec;
  inspection.added = now;
  bytes_ += spec.ByteSizeLong();
  return inspection.request.inspection_id();
}

void InspectionQueue::TakeResult(const std::string& worker, const v1::InspectionResult& result) {
  for (auto& [number, inspection] : inspections_) {
    if (inspection.request.inspection_id() != result.inspection_id() || !inspection.answered_by.empty()) continue;
    std::string reason = result.error();
    if (reason.empty()) reason = InspectionDefect(result);
    if (reason.empty()) {
      inspection.answered_by = worker;
      inspection.result = result;
    } else {
      inspection.failed.insert(worker);
      inspection.reason = absl::StrCat("worker ", worker, ": ", reason);
    }
  }
}

std::optional<EndedInspection> InspectionQueue::Judge(const Inspection& inspection, const WorkerTable& workers,
                                                      absl::Duration now) const {
  EndedInspection ended;
  ended.id = inspection.request.inspection_id();
  ended.worker = inspection.answered_by.empty() ? inspection.worker : inspection.answered_by;
  ended.reason = inspection.reason;
  ended.took = now - inspection.added;
  if (!inspection.answered_by.empty()) {
    ended.outcome = EndedInspection::Outcome::kInspected;
    ended.result = inspection.result;
  } else if (ended.took >= options_.patience) {
    ended.outcome = EndedInspection::Outcome::kUnanswered;
  } else if (!ChooseWorker(inspection, workers, now).empty()) {
    return std::nullopt;
  } else if (!inspection.failed.empty()) {
    ended.outcome = EndedInspection::Outcome::kFailed;
  } else if (inspection.worker.empty() && now - started_ >= options_.first_worker) {
    ended.outcome = EndedInspection::Outcome::kNoWorker;
  } else {
    return std::nullopt;  // A first worker may come, or one that went away come back.
  }
  return ended;
}

std::vector<EndedInspection> InspectionQueue::Advance(const WorkerTable& workers, absl::Duration now,
                                                      absl::btree_set<std::string>& affected) {
  std::vector<EndedInspection> all_ended;
  for (auto entry = inspections_.begin(); entry != inspections_.end();) {
    Inspection& inspection = entry->second;
    std::optional<EndedInspection> ended = Judge(inspection, workers, now);
    if (!ended.has_value()) {
      Assign(workers, now, inspection, affected);
      ++entry;
      continue;
    }
    if (!inspection.worker.empty()) affected.insert(inspection.worker);
    bytes_ -= inspection.request.spec().ByteSizeLong();
    all_ended.push_back(*std::move(ended));
    entry = inspections_.erase(entry);
  }
  return all_ended;
}

void InspectionQueue::Assign(const WorkerTable& workers, absl::Duration now, Inspection& inspection,
                             absl::btree_set<std::string>& affected) const {
  const std::string chosen = ChooseWorker(inspection, workers, now);
  if (chosen.empty() || chosen == inspection.worker) return;
  if (!inspection.worker.empty()) affected.insert(inspection.worker);
  affected.insert(chosen);
  inspection.worker = chosen;
}

std::string InspectionQueue::ChooseWorker(const Inspection& inspection, const WorkerTable& workers,
                                          absl::Duration now) const {
  std::string chosen;
  std::pair<int64_t, int> least;
  for (const auto& [name, worker] : workers.workers()) {
    if (!workers.IsUsable(worker, now) || inspection.failed.contains(name)) continue;
    if (name == inspection.worker) return name;
    const std::pair<int64_t, int> load = {RequestsOf(name), RunningRanks(worker.report)};
    if (!chosen.empty() && load >= least) continue;
    chosen = name;
    least = load;
  }
  return chosen;
}

int64_t InspectionQueue::RequestsOf(absl::string_view worker) const {
  return std::count_if(inspections_.begin(), inspections_.end(),
                       [&](const auto& entry) { return entry.second.worker == worker; });
}

void InspectionQueue::AddRequests(absl::string_view worker, v1::WorkerDirective& directive) const {
  for (const auto& [number, inspection] : inspections_) {
    if (inspection.worker == worker) *directive.add_inspections() = inspection.request;
  }
}

absl::Duration InspectionQueue::NextDeadline(absl::Duration now) const {
  absl::Duration next = absl::InfiniteDuration();
  const absl::Duration first_worker = started_ + options_.first_worker;
  for (const auto& [number, inspection] : inspections_) {
    next = std::min(next, inspection.added + options_.patience);
    if (inspection.worker.empty() && now < first_worker) next = std::min(next, first_worker);
  }
  return next;
}

}  // namespace seedbed
