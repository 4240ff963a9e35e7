#include "worker/daemon/inspector.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"

namespace seedbed {
namespace {

// How often processes are looked after that say nothing: exits, time limits.
constexpr int kTickMs = 20;
constexpr int kIdleMs = -1;  // Until woken.

}  // namespace

absl::StatusOr<std::unique_ptr<Inspector>> Inspector::Start(Options options, Clock* clock) {
  RETURN_IF_ERROR(RemoveAll(options.folder));
  RETURN_IF_ERROR(MakeFolders(options.folder));
  ASSIGN_OR_RETURN(WakePipe wake, WakePipe::Make());
  auto inspector = std::unique_ptr<Inspector>(new Inspector(std::move(options), clock, std::move(wake)));
  absl::MutexLock lock(&inspector->join_mutex_);
  inspector->thread_ = std::thread(&Inspector::Loop, inspector.get());
  return inspector;
}

Inspector::Inspector(Options options, Clock* clock, WakePipe wake)
    : options_(std::move(options)), clock_(clock), wake_(std::move(wake)) {}

Inspector::~Inspector() { Stop(); }

void Inspector::Apply(const v1::WorkerDirective& directive) {
  {
    absl::MutexLock lock(&mutex_);
    orders_.wanted.assign(directive.inspections().begin(), directive.inspections().end());
  }
  wake_.Wake();
}

std::vector<v1::InspectionResult> Inspector::Results() const {
  absl::MutexLock lock(&mutex_);
  return results_;
}

void Inspector::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    orders_.stopping = true;
  }
  wake_.Wake();
  absl::MutexLock lock(&join_mutex_);
  if (thread_.joinable()) thread_.join();
}

Inspector::Orders Inspector::ReadOrders() {
  absl::MutexLock lock(&mutex_);
  return orders_;
}

void Inspector::Loop() {
  while (true) {
    WaitForNews();
    const Orders orders = ReadOrders();
    if (orders.stopping) break;
    if (Reconcile(orders)) Publish();
  }
  inspections_.clear();
}

void Inspector::WaitForNews() {
  std::vector<pollfd> fds = {{wake_.fd(), POLLIN, 0}};
  for (const auto& [id, inspection] : inspections_) {
    if (inspection->message_fd() >= 0) fds.push_back({inspection->message_fd(), POLLIN, 0});
  }
  poll(fds.data(), fds.size(), Running() > 0 ? kTickMs : kIdleMs);
  wake_.Drain();
}

bool Inspector::Reconcile(const Orders& orders) {
  bool changed = false;
  for (auto entry = inspections_.begin(); entry != inspections_.end();) {
    const bool is_wanted = std::any_of(orders.wanted.begin(), orders.wanted.end(),
                                       [&](const auto& request) { return request.inspection_id() == entry->first; });
    const bool had_ended = entry->second->result().has_value();
    if (is_wanted) {
      entry->second->Advance(clock_->Monotonic());
      changed |= entry->second->result().has_value() != had_ended;
      ++entry;
    } else {
      changed |= had_ended;
      entry = inspections_.erase(entry);
    }
  }
  for (const v1::InspectionRequest& request : orders.wanted) {
    if (Running() >= options_.most_at_once) break;
    std::unique_ptr<InspectionProcess>& inspection = inspections_[request.inspection_id()];
    if (inspection != nullptr) continue;
    inspection = InspectionProcess::Start(options_.trainer_path, JoinPath(options_.folder, absl::StrCat(++started_)),
                                          request, options_.time_limit, clock_->Monotonic());
    changed |= inspection->result().has_value();
  }
  return changed;
}

size_t Inspector::Running() const {
  return std::count_if(inspections_.begin(), inspections_.end(),
                       [](const auto& entry) { return !entry.second->result().has_value(); });
}

void Inspector::Publish() {
  std::vector<v1::InspectionResult> results;
  for (const auto& [id, inspection] : inspections_) {
    if (inspection->result().has_value()) results.push_back(*inspection->result());
  }
  {
    absl::MutexLock lock(&mutex_);
    results_ = std::move(results);
  }
  if (options_.on_change) options_.on_change();
}

}  // namespace seedbed
