#include "client/follow.h"

#include <algorithm>
#include <utility>

#include "proto/rpc/endpoint.h"

namespace seedbed {
namespace {

// A stream that outlives this is opened again, so that no call is without a deadline.
constexpr absl::Duration kStreamTimeout = absl::Minutes(10);
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kLongestBackoff = absl::Seconds(2);

// Whether the same call may do better later.
bool MayRecover(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::UNIMPLEMENTED:
      return false;
    default:
      return true;
  }
}

}  // namespace

SweepFollower::SweepFollower(CoordinatorClient* coordinator, std::string sweep_id, OnUpdate on_update, OnLost on_lost)
    : coordinator_(coordinator),
      sweep_id_(std::move(sweep_id)),
      on_update_(std::move(on_update)),
      on_lost_(std::move(on_lost)) {}

absl::Status SweepFollower::Follow() {
  absl::Duration backoff = kFirstBackoff;
  bool lost = false;
  while (true) {
    bool had_update = false;
    const grpc::Status status = ReadStream(&had_update);
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_) return absl::CancelledError("stopped following the sweep");
    }
    if (status.ok() && sweep_has_ended_) return absl::OkStatus();
    if (!status.ok() && !MayRecover(status.error_code()))
      return ExplainCall(status, "the coordinator", coordinator_->address());
    if (had_update) {
      lost = false;
      backoff = kFirstBackoff;
    }
    const bool planned = status.ok() || status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
    if (!planned && !std::exchange(lost, true)) {
      on_lost_(ExplainCall(status, "the coordinator", coordinator_->address()));
    }
    if (!SleepUnlessStopped(backoff)) return absl::CancelledError("stopped following the sweep");
    backoff = std::min(2 * backoff, kLongestBackoff);
  }
}

grpc::Status SweepFollower::ReadStream(bool* had_update) {
  grpc::ClientContext context;
  SetDeadline(context, kStreamTimeout);
  v1::WatchSweepRequest request;
  request.set_sweep_id(sweep_id_);
  request.set_after_event(last_event_);
  request.set_with_progress(true);
  const auto reader = coordinator_->stub().WatchSweep(&context, request);
  {
    absl::MutexLock lock(&mutex_);
    context_ = &context;
    if (stopped_) context.TryCancel();
  }
  v1::WatchSweepResponse update;
  while (reader->Read(&update)) {
    *had_update = true;
    sweep_has_ended_ = on_update_(update);
    if (update.has_event()) last_event_ = update.event().number();
  }
  const grpc::Status status = reader->Finish();
  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  return status;
}

bool SweepFollower::SleepUnlessStopped(absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  return !mutex_.AwaitWithTimeout(absl::Condition(&stopped_), duration);
}

void SweepFollower::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  if (context_ != nullptr) context_->TryCancel();
}

}  // namespace seedbed
