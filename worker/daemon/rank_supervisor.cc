#include "worker/daemon/rank_supervisor.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "common/logging.h"
#include "common/status.h"

namespace seedbed {
namespace {

// How often processes are looked after that say nothing: exits, overrun graces, the lease.
constexpr int kTickMs = 20;
constexpr int kIdleTickMs = 500;

// It failed, and not because this worker stopped it.
bool FailedByItself(const v1::RankStatus& status) {
  return status.has_failure() && status.failure().kind() != v1::FAILURE_KIND_WORKER_LOST;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RankSupervisor>> RankSupervisor::Start(Options options, Clock* clock,
                                                                      WorkerMetrics* metrics) {
  ASSIGN_OR_RETURN(WakePipe wake, WakePipe::Make());
  auto supervisor =
      std::unique_ptr<RankSupervisor>(new RankSupervisor(std::move(options), clock, metrics, std::move(wake)));
  absl::MutexLock lock(&supervisor->join_mutex_);
  supervisor->thread_ = std::thread(&RankSupervisor::Loop, supervisor.get());
  return supervisor;
}

RankSupervisor::RankSupervisor(Options options, Clock* clock, WorkerMetrics* metrics, WakePipe wake)
    : options_(std::move(options)), clock_(clock), metrics_(metrics), wake_(std::move(wake)) {}

RankSupervisor::~RankSupervisor() { Stop(); }

void RankSupervisor::Apply(const v1::WorkerDirective& directive, std::optional<absl::Duration> report_sent_at) {
  auto copy = std::make_shared<const v1::WorkerDirective>(directive);
  {
    absl::MutexLock lock(&mutex_);
    orders_.directive = std::move(copy);
    if (report_sent_at.has_value()) orders_.lease.Renew(*report_sent_at, absl::Milliseconds(directive.lease_ms()));
  }
  wake_.Wake();
}

std::vector<v1::RankStatus> RankSupervisor::Statuses() const {
  absl::MutexLock lock(&mutex_);
  return statuses_;
}

uint64_t RankSupervisor::applied_directive() const {
  absl::MutexLock lock(&mutex_);
  return applied_directive_;
}

void RankSupervisor::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    orders_.stopping = true;
  }
  wake_.Wake();
  absl::MutexLock lock(&join_mutex_);
  if (thread_.joinable()) thread_.join();
}

RankSupervisor::Orders RankSupervisor::ReadOrders() {
  absl::MutexLock lock(&mutex_);
  return orders_;
}

void RankSupervisor::Loop() {
  while (true) {
    WaitForNews();
    bool changed = AdvanceRanks();
    const Orders orders = ReadOrders();
    metrics_->SetLease(orders.lease.Remaining(clock_->Monotonic()));
    changed |= Execute(Reconcile(Observe(orders)), orders.directive.get());
    for (const auto& [id, rank] : ranks_) rank->RunUntil(orders.lease.OverAt());
    if (changed) {
      Publish(orders);
    } else {
      absl::MutexLock lock(&mutex_);
      NoteApplied(orders);
    }
    if (orders.stopping && !AnyRuns()) return;
  }
}

void RankSupervisor::WaitForNews() {
  std::vector<pollfd> fds = {{wake_.fd(), POLLIN, 0}};
  for (const auto& [id, rank] : ranks_) {
    if (rank->message_fd() >= 0) fds.push_back({rank->message_fd(), POLLIN, 0});
  }
  poll(fds.data(), fds.size(), AnyRuns() ? kTickMs : kIdleTickMs);
  wake_.Drain();
}

bool RankSupervisor::AdvanceRanks() {
  bool changed = false;
  for (const auto& [id, rank] : ranks_) {
    if (rank->exited()) continue;
    const v1::StreamProgress before = rank->stream_progress();
    changed |= rank->Advance(clock_->Monotonic());
    metrics_->AddWork(before, rank->stream_progress());
    if (rank->exited() && FailedByItself(rank->status())) metrics_->CountFailed();
  }
  return changed;
}

ReconcileInput RankSupervisor::Observe(const Orders& orders) const {
  ReconcileInput input;
  if (orders.directive != nullptr) {
    input.desired.emplace();
    for (const v1::DesiredRank& rank : orders.directive->ranks()) {
      input.desired->push_back(
          {RankId::Of(rank.key()), rank.slot_id(), rank.world_size(), !rank.rendezvous_address().empty()});
    }
  }
  for (const auto& [id, rank] : ranks_) input.actual.push_back({id, rank->status().slot_id(), rank->status().state()});
  input.lease = orders.lease.Phase(clock_->Monotonic());
  input.shutting_down = orders.stopping;
  return input;
}

bool RankSupervisor::Execute(const Plan& plan, const v1::WorkerDirective* directive) {
  for (const RankToStop& stop : plan.terminate) ranks_.at(stop.id)->Terminate(stop.reason, clock_->Monotonic());
  for (const RankId& id : plan.kill) ranks_.at(id)->Kill();
  for (const RankId& id : plan.forget) ranks_.erase(id);
  for (const RankId& id : plan.start) StartRank(id, *directive);
  return !plan.terminate.empty() || !plan.forget.empty() || !plan.start.empty();
}

void RankSupervisor::StartRank(const RankId& id, const v1::WorkerDirective& directive) {
  const auto desired = std::find_if(directive.ranks().begin(), directive.ranks().end(),
                                    [&](const v1::DesiredRank& rank) { return RankId::Of(rank.key()) == id; });
  const auto slot = std::find_if(options_.slots.begin(), options_.slots.end(),
                                 [&](const v1::Slot& known) { return known.slot_id() == desired->slot_id(); });
  auto rank = RankProcess::Start(options_.ranks, *desired, slot == options_.slots.end() ? nullptr : &*slot);
  if (rank->exited()) {
    metrics_->CountFailed();
  } else {
    metrics_->CountStarted();
  }
  ranks_.emplace(id, std::move(rank));
}

void RankSupervisor::Publish(const Orders& orders) {
  std::vector<v1::RankStatus> statuses;
  for (const auto& [id, rank] : ranks_) statuses.push_back(rank->status());
  metrics_->SetRanks(statuses);
  {
    absl::MutexLock lock(&mutex_);
    statuses_ = std::move(statuses);
    NoteApplied(orders);
  }
  if (options_.on_change) options_.on_change();
}

void RankSupervisor::NoteApplied(const Orders& orders) {
  if (orders.directive != nullptr) applied_directive_ = orders.directive->number();
}

bool RankSupervisor::AnyRuns() const {
  return std::any_of(ranks_.begin(), ranks_.end(), [](const auto& entry) { return !entry.second->exited(); });
}

}  // namespace seedbed
