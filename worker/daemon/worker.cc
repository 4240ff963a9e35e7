#include "worker/daemon/worker.h"

#include <stdio.h>

#include <cerrno>
#include <cstdint>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/logging.h"
#include "common/status.h"

namespace seedbed {
namespace {

std::string MakeInstanceId() {
  std::random_device random;
  const auto word = [&] { return (uint64_t{random()} << 32) | random(); };
  return absl::StrFormat("%016x%016x", word(), word());
}

// A rank of a worker that was killed may still be on its way out and write: its folder is moved from under it first.
absl::Status RemoveLeftovers(const std::string& scratch_root) {
  const std::string leftovers = JoinPath(scratch_root, "leftovers");
  RETURN_IF_ERROR(RemoveAll(leftovers));
  const std::string ranks = RanksFolder(scratch_root);
  if (rename(ranks.c_str(), leftovers.c_str()) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, absl::StrCat("rename ", ranks, " to ", leftovers));
  }
  return RemoveAll(leftovers);
}

absl::StatusOr<FileLock> TakeScratch(const std::string& scratch_root) {
  RETURN_IF_ERROR(MakeFolders(scratch_root));
  auto lock = FileLock::Acquire(JoinPath(scratch_root, "lock"));
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("scratch folder ", scratch_root, " is used by another seedbed-worker; give each one its own"));
  }
  RETURN_IF_ERROR(lock.status());
  RETURN_IF_ERROR(RemoveLeftovers(scratch_root));
  return lock;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Worker>> Worker::Start(Options options, prometheus::Registry& registry, Clock* clock) {
  ASSIGN_OR_RETURN(FileLock lock, TakeScratch(options.ranks.scratch_root));
  auto worker = std::unique_ptr<Worker>(new Worker(std::move(options), std::move(lock), registry, clock));
  RETURN_IF_ERROR(worker->StartParts());
  return worker;
}

Worker::Worker(Options options, FileLock scratch_lock, prometheus::Registry& registry, Clock* clock)
    : options_(std::move(options)),
      clock_(clock),
      instance_id_(MakeInstanceId()),
      scratch_lock_(std::move(scratch_lock)),
      metrics_(registry, options_.slots) {}

Worker::~Worker() { Stop(); }

absl::Status Worker::StartParts() {
  SessionClient::Handler handler;
  handler.make_report = [this] { return MakeReport(); };
  handler.on_directive = [this](const v1::WorkerDirective& directive, std::optional<absl::Duration> report_sent_at) {
    ranks_->Apply(directive, report_sent_at);
    inspector_->Apply(directive);
  };
  handler.on_connection = [this](bool connected) { metrics_.SetConnected(connected); };
  handler.on_refused = options_.on_refused;
  session_ = std::make_unique<SessionClient>(options_.session, std::move(handler), clock_);

  Inspector::Options inspections;
  inspections.trainer_path = options_.ranks.trainer_path;
  inspections.folder = JoinPath(options_.ranks.scratch_root, "inspections");
  inspections.time_limit = options_.inspection_limit;
  inspections.on_change = [this] { session_->NotifyChanged(); };
  ASSIGN_OR_RETURN(inspector_, Inspector::Start(std::move(inspections), clock_));
  RankSupervisor::Options options{options_.ranks, options_.slots, [this] { session_->NotifyChanged(); }};
  ASSIGN_OR_RETURN(ranks_, RankSupervisor::Start(std::move(options), clock_, &metrics_));
  session_->Start();
  return absl::OkStatus();
}

void Worker::Stop() {
  if (inspector_ != nullptr) inspector_->Stop();
  if (ranks_ != nullptr) ranks_->Stop();
  if (session_ != nullptr) session_->Stop();
}

absl::Status Worker::Health() const {
  const auto since = session_->disconnected_since();
  if (!since.has_value()) return absl::OkStatus();
  const absl::Duration down = clock_->Monotonic() - *since;
  if (down <= kLongestWithoutSession) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("no session with the coordinator at ", options_.session.coordinator,
                                             " for ", absl::ToInt64Seconds(down), " s"));
}

v1::WorkerReport Worker::MakeReport() const {
  v1::WorkerReport report;
  report.set_worker_name(options_.name);
  report.set_instance_id(instance_id_);
  report.set_host(options_.ranks.host);
  report.set_version(SEEDBED_VERSION);
  for (const v1::Slot& slot : options_.slots) *report.add_slots() = slot;
  report.mutable_labels()->insert(options_.labels.begin(), options_.labels.end());
  report.set_applied_directive(ranks_->applied_directive());
  for (v1::RankStatus& status : ranks_->Statuses()) *report.add_ranks() = std::move(status);
  for (v1::InspectionResult& result : inspector_->Results()) *report.add_inspection_results() = std::move(result);
  return report;
}

}  // namespace seedbed
