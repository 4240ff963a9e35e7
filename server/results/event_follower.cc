#include "server/results/event_follower.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/logging.h"
#include "common/status.h"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"
#include "server/results/comparison.h"

namespace seedbed {
namespace {

// A short one, because waiting for it can't be cut short when the follower is stopped.
constexpr absl::Duration kConnectTimeout = absl::Milliseconds(250);

void LogSiblingSet(const v1::Agreement& request) {
  if (request.has_failure()) {
    Log(LogLevel::kError, "a finished sibling set can't be compared",
        {{"sweep", request.sweep_id()},
         {"sibling_set", request.sibling_set_id()},
         {"error", request.failure().message()}});
  } else if (!request.same_batches()) {
    Log(LogLevel::kError, "siblings were not trained on the same batches",
        {{"sweep", request.sweep_id()},
         {"sibling_set", request.sibling_set_id()},
         {"batch_hashes", absl::StrJoin(request.batch_hashes(), " ")}});
  } else {
    Log(LogLevel::kInfo, "sibling set finished",
        {{"sweep", request.sweep_id()},
         {"sibling_set", request.sibling_set_id()},
         {"dictionaries", request.dictionaries_size()}});
  }
}

}  // namespace

EventFollower::EventFollower(Options options, Cursor cursor, ResultsStore* store, ResultsMetrics* metrics,
                             AgreementFeed* feed, std::function<void()> on_sibling_set)
    : options_(std::move(options)),
      store_(store),
      metrics_(metrics),
      feed_(feed),
      on_sibling_set_(std::move(on_sibling_set)),
      channel_(MakeChannel(options_.coordinator)),
      coordinator_(v1::SweepService::NewStub(channel_)),
      last_event_(cursor.event),
      cursor_(std::move(cursor)),
      thread_([this] { Run(); }) {}

EventFollower::~EventFollower() {
  signal_.Stop();
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    for (grpc::ClientContext* call : calls_) call->TryCancel();
  }
  thread_.join();
}

EventFollower::Call::Call(EventFollower* follower) : follower_(follower) {
  absl::MutexLock lock(&follower_->mutex_);
  follower_->calls_.push_back(&context);
  if (follower_->stopping_) context.TryCancel();
}

EventFollower::Call::~Call() {
  absl::MutexLock lock(&follower_->mutex_);
  follower_->calls_.pop_back();
}

void EventFollower::Run() {
  metrics_->SetLastEvent(cursor_.event);
  absl::Duration backoff = options_.shortest_backoff;
  while (!signal_.stopped()) {
    progressed_ = false;
    absl::Status status = Follow();
    if (unsaved_events_ > 0) status.Update(SaveCursor(cursor_));
    if (signal_.stopped()) return;
    NoteConnected(false, status);
    backoff = progressed_ ? options_.shortest_backoff : std::min(2 * backoff, options_.longest_backoff);
    signal_.WaitForStop(backoff);
  }
}

void EventFollower::NoteConnected(bool connected, const absl::Status& why) {
  metrics_->SetConnected(connected);
  const Link link = connected ? Link::kUp : Link::kDown;
  if (std::exchange(link_, link) == link) return;
  if (connected) {
    Log(LogLevel::kInfo, "following the coordinator",
        {{"coordinator", options_.coordinator}, {"after_event", cursor_.event}});
  } else {
    Log(LogLevel::kWarning, "not following the coordinator, trying again",
        {{"coordinator", options_.coordinator}, {"after_event", cursor_.event}, {"error", why.message()}});
  }
}

absl::Status EventFollower::Follow() {
  if (!channel_->WaitForConnected(absl::ToChronoTime(absl::Now() + kConnectTimeout))) {
    return absl::UnavailableError("can't connect");
  }
  RETURN_IF_ERROR(CheckLog());
  Call call(this);
  v1::WatchSweepRequest request;
  request.set_after_event(cursor_.event);
  const auto stream = coordinator_->WatchSweep(&call.context, request);
  NoteConnected(true, absl::OkStatus());
  v1::WatchSweepResponse response;
  absl::Status status;
  while (status.ok() && stream->Read(&response)) {
    if (response.has_event()) status = TakeIn(response.event());
  }
  if (!status.ok()) call.context.TryCancel();
  const absl::Status finished = FromGrpcStatus(stream->Finish());
  if (!status.ok()) return status;
  return finished.ok() ? absl::UnavailableError("the coordinator ended the stream") : finished;
}

absl::Status EventFollower::CheckLog() {
  if (cursor_.event == 0) return absl::OkStatus();
  Call call(this);
  SetDeadline(call.context, options_.rpc_timeout);
  v1::GetSweepRequest request;
  request.set_sweep_id(cursor_.sweep_id);
  v1::GetSweepResponse response;
  const absl::Status status = FromGrpcStatus(coordinator_->GetSweep(&call.context, request, &response));
  const bool unknown = absl::IsNotFound(status);
  if (!unknown && !status.ok()) return status;
  if (!unknown && response.sweep().last_event() >= cursor_.event) return absl::OkStatus();
  Log(LogLevel::kWarning, "the coordinator has a new log, reading it from its beginning",
      {{"coordinator", options_.coordinator},
       {"sweep", cursor_.sweep_id},
       {"expected_event", cursor_.event},
       {"found_event", response.sweep().last_event()}});
  return SaveCursor(Cursor());
}

absl::Status EventFollower::TakeIn(const v1::Event& event) {
  if (event.number() <= cursor_.event) return absl::OkStatus();
  // Of a worker or a user. The cursor stays at an event of a sweep, by which another log is noticed.
  if (event.sweep_id().empty()) return absl::OkStatus();
  if (event.has_sibling_set_finished()) {
    RETURN_IF_ERROR(TakeInSiblingSet(event));
  } else {
    RETURN_IF_ERROR(TakeInRuns(event));
    MoveCursor({event.number(), event.sweep_id()});
    if (++unsaved_events_ >= options_.events_per_save) RETURN_IF_ERROR(SaveCursor(cursor_));
  }
  progressed_ = true;
  return absl::OkStatus();
}

absl::Status EventFollower::TakeInRuns(const v1::Event& event) {
  switch (event.body_case()) {
    case v1::Event::kSweepSubmitted:
      return store_->AddRuns(event.sweep_id(), event.sweep_submitted());
    case v1::Event::kRunSucceeded:
      RETURN_IF_ERROR(
          store_->EndRun(event.sweep_id(), event.run_succeeded().run_id(), &event.run_succeeded().result()));
      break;
    case v1::Event::kRunFailed:
      RETURN_IF_ERROR(store_->EndRun(event.sweep_id(), event.run_failed().run_id(), nullptr));
      break;
    case v1::Event::kSweepCancelled:
      RETURN_IF_ERROR(store_->EndRuns(event.sweep_id()));
      break;
    default:
      return absl::OkStatus();
  }
  feed_->Notify();
  return absl::OkStatus();
}

absl::Status EventFollower::TakeInSiblingSet(const v1::Event& event) {
  const v1::SiblingSetFinished& finished = event.sibling_set_finished();
  ASSIGN_OR_RETURN(const v1::SaeSpec sae, GetSae(finished));
  const v1::Agreement request = RequestFor(event, sae);
  const Cursor cursor{event.number(), event.sweep_id()};
  RETURN_IF_ERROR(store_->AddSiblingSet(request, cursor));
  unsaved_events_ = 0;
  // The worker may be busy for long, and says what is pending only between two sets.
  if (const auto pending = store_->Pending(); pending.ok()) metrics_->SetPending(*pending);
  MoveCursor(cursor);
  on_sibling_set_();
  feed_->Notify();
  LogSiblingSet(request);
  return absl::OkStatus();
}

absl::StatusOr<v1::SaeSpec> EventFollower::GetSae(const v1::SiblingSetFinished& finished) {
  if (finished.run_ids().empty()) return v1::SaeSpec();
  Call call(this);
  SetDeadline(call.context, options_.rpc_timeout);
  v1::GetRunRequest request;
  request.set_run_id(finished.run_ids(0));
  v1::GetRunResponse response;
  const absl::Status status = FromGrpcStatus(coordinator_->GetRun(&call.context, request, &response));
  if (absl::IsNotFound(status)) {
    Log(LogLevel::kWarning, "the coordinator does not know a run of a finished sibling set",
        {{"run", request.run_id()}, {"sibling_set", finished.sibling_set_id()}});
    return v1::SaeSpec();
  }
  RETURN_IF_ERROR(status);
  return response.run().sae();
}

absl::Status EventFollower::SaveCursor(const Cursor& cursor) {
  RETURN_IF_ERROR(store_->SaveCursor(cursor));
  unsaved_events_ = 0;
  MoveCursor(cursor);
  return absl::OkStatus();
}

void EventFollower::MoveCursor(const Cursor& cursor) {
  cursor_ = cursor;
  last_event_ = cursor.event;
  metrics_->SetLastEvent(cursor.event);
}

}  // namespace seedbed
