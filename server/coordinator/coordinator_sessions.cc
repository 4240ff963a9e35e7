// The part of the coordinator that talks with workers.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "common/status.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/directives.h"
#include "server/coordinator/report_check.h"

namespace seedbed {
namespace {

absl::Status SessionReplaced() {
  return absl::AbortedError("this session was replaced by a newer one of the same worker");
}

}  // namespace

uint64_t Coordinator::OpenSession(std::shared_ptr<SessionSink> sink) {
  absl::MutexLock lock(&mutex_);
  const uint64_t session = ++last_session_;
  sessions_[session].sink = std::move(sink);
  return session;
}

void Coordinator::CloseSession(uint64_t session) {
  absl::MutexLock lock(&mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  if (!found->second.worker.empty()) Log(LogLevel::kInfo, "worker disconnected", {{"worker", found->second.worker}});
  workers_.EndSession(session);
  sessions_.erase(found);
  pass_is_due_ = true;
  Settle();  // What it was inspecting goes to another worker.
}

absl::Status Coordinator::Report(uint64_t session, const v1::WorkerReport& report) {
  absl::MutexLock lock(&mutex_);
  if (!sessions_.contains(session)) return SessionReplaced();
  if (const absl::Status status = AcceptReport(session, report); !status.ok()) {
    Log(LogLevel::kWarning, "report refused", {{"worker", report.worker_name()}, {"message", status.message()}});
    workers_.EndSession(session);
    sessions_.erase(session);
    return status;
  }
  TakeProgress(report);
  for (const v1::InspectionResult& result : report.inspection_results()) {
    inspections_.TakeResult(report.worker_name(), result);
  }
  ReviewWorker(report.worker_name());
  Settle(report.worker_name());
  return absl::OkStatus();
}

absl::Status Coordinator::AcceptReport(uint64_t session, const v1::WorkerReport& report) {
  RETURN_IF_ERROR(CheckReport(report));
  const ReviewTime now = Now();
  ASSIGN_OR_RETURN(const WorkerTable::Accepted accepted, workers_.Accept(session, report, now.monotonic, now.unix_ms));
  if (const auto superseded = sessions_.find(accepted.superseded_session); superseded != sessions_.end()) {
    superseded->second.sink->Close(absl::AbortedError("this session was replaced by a newer one of the same worker"));
    sessions_.erase(superseded);
  }
  pass_is_due_ = pass_is_due_ || accepted.changes_slots;
  std::string& worker = sessions_[session].worker;
  if (worker.empty()) {
    worker = report.worker_name();
    Log(LogLevel::kInfo, "worker connected",
        {{"worker", worker},
         {"instance", report.instance_id()},
         {"new_instance", accepted.is_new_instance},
         {"slots", report.slots_size()},
         {"ranks", report.ranks_size()}});
  }
  return absl::OkStatus();
}

void Coordinator::TakeProgress(const v1::WorkerReport& report) {
  for (const v1::RankStatus& rank : report.ranks()) {
    const GangRecord* gang = state_.FindGang(rank.key().gang_id());
    if (gang == nullptr || gang->gang.state() != v1::GANG_STATE_ACTIVE ||
        gang->gang.attempt() != rank.key().attempt()) {
      continue;
    }
    for (const v1::RunProgress& progress : rank.progress()) {
      const v1::Run* run = state_.FindRun(progress.run_id());
      if (run == nullptr || run->gang_id() != gang->gang.gang_id() || HasEnded(run->state())) continue;
      v1::RunProgress& latest = progress_[progress.run_id()];
      const bool is_news = latest.step() != progress.step() ||
                           latest.tokens_harvested() != progress.tokens_harvested() || latest.run_id().empty();
      latest = progress;
      if (is_news) watchers_.NotifyProgress(run->sweep_id(), latest);
    }
  }
}

void Coordinator::ReviewWorker(const std::string& worker) {
  const auto occupied = state_.occupied_slots().find(worker);
  if (occupied == state_.occupied_slots().end()) return;
  absl::btree_map<int64_t, const GangRecord*> gangs;
  for (const auto& [slot, gang] : occupied->second) gangs.emplace(gang->order, gang);
  // Ranks elsewhere wait for the rendezvous address that this worker's report may bring.
  for (const auto& [order, gang] : gangs) {
    if (gang->gang.placements(0).worker() != worker) continue;
    for (const v1::RankPlacement& placement : gang->gang.placements()) affected_workers_.insert(placement.worker());
  }
  ReviewGangs(gangs);
}

void Coordinator::ReviewLostWorkers() {
  const absl::Duration now = clock_->Monotonic();
  absl::btree_map<int64_t, const GangRecord*> gangs;
  for (const auto& [worker, slots] : state_.occupied_slots()) {
    for (const auto& [slot, gang] : slots) {
      for (const v1::RankPlacement& placement : gang->gang.placements()) {
        if (placement.worker() == worker && workers_.IsLost(worker, placement.worker_instance(), now)) {
          gangs.emplace(gang->order, gang);
        }
      }
    }
  }
  ReviewGangs(gangs);
}

void Coordinator::ReviewGangs(const absl::btree_map<int64_t, const GangRecord*>& gangs) {
  Decision decision(state_);
  for (const auto& [order, gang] : gangs) ReviewGang(*gang, workers_, Now(), decision);
  // Where the log refuses, the reports that come next give the same decision again.
  Commit(decision).IgnoreError();
}

void Coordinator::SendDirective(const std::string& worker, bool is_answer) {
  const WorkerEntry* entry = workers_.Find(worker);
  if (entry == nullptr) return;
  const auto session = sessions_.find(entry->session);
  if (session == sessions_.end()) return;
  v1::WorkerDirective directive = BuildDirective(state_, workers_, *entry, options_.lease);
  inspections_.AddRequests(worker, directive);
  v1::WorkerDirective desired;
  *desired.mutable_ranks() = directive.ranks();
  *desired.mutable_inspections() = directive.inspections();
  std::string desired_bytes = desired.SerializeAsString();
  const bool is_news = session->second.directive == 0 || desired_bytes != session->second.last_sent;
  if (is_news) session->second.directive = ++last_directive_;
  workers_.SetDirective(worker, session->second.directive);
  if (!is_answer && !is_news) return;
  directive.set_number(session->second.directive);
  session->second.last_sent = std::move(desired_bytes);
  session->second.sink->Send(std::move(directive));
}

}  // namespace seedbed
