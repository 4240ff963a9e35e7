#include "server/coordinator/worker_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace seedbed {
namespace {

bool SameSlot(const v1::Slot& a, const v1::Slot& b) {
  return a.slot_id() == b.slot_id() && a.device() == b.device() && a.memory_bytes() == b.memory_bytes();
}

// Equal slots, and ranks on the same of them.
bool OffersTheSame(const v1::WorkerReport& a, const v1::WorkerReport& b) {
  const auto same_rank = [](const v1::RankStatus& x, const v1::RankStatus& y) {
    return x.slot_id() == y.slot_id() && (x.state() == v1::RANK_STATE_EXITED) == (y.state() == v1::RANK_STATE_EXITED) &&
           x.key().gang_id() == y.key().gang_id() && x.key().attempt() == y.key().attempt();
  };
  return a.applied_directive() == b.applied_directive() && a.host() == b.host() &&
         std::equal(a.slots().begin(), a.slots().end(), b.slots().begin(), b.slots().end(), SameSlot) &&
         std::equal(a.ranks().begin(), a.ranks().end(), b.ranks().begin(), b.ranks().end(), same_rank);
}

}  // namespace

absl::StatusOr<WorkerTable::Accepted> WorkerTable::Accept(uint64_t session, const v1::WorkerReport& report,
                                                          absl::Duration now, int64_t now_unix_ms) {
  if (const auto bound = names_by_session_.find(session); bound != names_by_session_.end()) {
    const std::string& instance = workers_[bound->second].report.instance_id();
    if (bound->second != report.worker_name() || instance != report.instance_id()) {
      return absl::InvalidArgumentError(absl::StrCat("a session of worker ", bound->second, " (instance ", instance,
                                                     ") can't report for worker ", report.worker_name(), " (instance ",
                                                     report.instance_id(), ")"));
    }
  }
  const auto [found, inserted] = workers_.try_emplace(report.worker_name());
  WorkerEntry& worker = found->second;
  Accepted accepted;
  accepted.is_new_instance = inserted || worker.report.instance_id() != report.instance_id();
  if (worker.session != 0 && worker.session != session) {
    if (accepted.is_new_instance && now - worker.last_report <= limit_) {
      return absl::AlreadyExistsError(absl::StrCat("worker ", report.worker_name(), " is connected already (instance ",
                                                   worker.report.instance_id(), "); worker names must differ"));
    }
    accepted.superseded_session = worker.session;
    names_by_session_.erase(worker.session);
  }
  accepted.is_late = worker.session == session && report.sequence() <= worker.report.sequence();
  if (!accepted.is_late) {
    Labels labels(report.labels().begin(), report.labels().end());
    accepted.changes_slots = accepted.is_new_instance || worker.session != session || *worker.labels != labels ||
                             !OffersTheSame(worker.report, report) || now - worker.last_report > limit_;
    worker.labels = &*labels_.insert(std::move(labels)).first;
    worker.report = report;
    worker.session = session;
    names_by_session_[session] = report.worker_name();
    worker.last_report = now;
    worker.last_report_unix_ms = now_unix_ms;
  }
  return accepted;
}

void WorkerTable::SetDirective(absl::string_view worker, uint64_t number) {
  if (const auto found = workers_.find(worker); found != workers_.end()) found->second.directive = number;
}

bool WorkerTable::IsInStep(const WorkerEntry& worker) {
  const uint64_t applied = worker.report.applied_directive();
  return applied == 0 || applied == worker.directive;
}

void WorkerTable::EndSession(uint64_t session) {
  const auto bound = names_by_session_.find(session);
  if (bound == names_by_session_.end()) return;
  workers_[bound->second].session = 0;
  names_by_session_.erase(bound);
}

const WorkerEntry* WorkerTable::Find(absl::string_view worker) const {
  const auto found = workers_.find(worker);
  return found == workers_.end() ? nullptr : &found->second;
}

bool WorkerTable::IsLost(absl::string_view worker, absl::string_view instance, absl::Duration now) const {
  const WorkerEntry* entry = Find(worker);
  if (entry == nullptr) return now - started_ > limit_;
  return entry->report.instance_id() != instance || now - entry->last_report > limit_;
}

bool WorkerTable::IsUsable(const WorkerEntry& worker, absl::Duration now) const {
  return worker.session != 0 && now - worker.last_report <= limit_;
}

const v1::RankStatus* WorkerTable::FindRank(absl::string_view worker, absl::string_view instance,
                                            const v1::RankKey& key) const {
  const WorkerEntry* entry = Find(worker);
  if (entry == nullptr || entry->report.instance_id() != instance) return nullptr;
  for (const v1::RankStatus& rank : entry->report.ranks()) {
    if (rank.key().gang_id() == key.gang_id() && rank.key().attempt() == key.attempt() &&
        rank.key().rank() == key.rank()) {
      return &rank;
    }
  }
  return nullptr;
}

absl::Duration WorkerTable::NextLoss(absl::Duration now) const {
  absl::Duration next = absl::InfiniteDuration();
  // Workers that have not come back since the coordinator's start are known to the state alone.
  if (now - started_ <= limit_) next = started_ + limit_;
  for (const auto& [name, worker] : workers_) {
    if (now - worker.last_report <= limit_) next = std::min(next, worker.last_report + limit_);
  }
  return next;
}

}  // namespace seedbed
