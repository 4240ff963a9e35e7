#include "server/coordinator/watch_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "proto/rpc/status.h"

namespace seedbed {
namespace {

constexpr int kPageEvents = 256;

}  // namespace

WatchStream* WatchStream::Start(const RpcContext& context, const v1::WatchSweepRequest& request) {
  const auto stream = std::shared_ptr<WatchStream>(new WatchStream(context, request));
  context.streams->Add(stream);
  context.executor->Post([stream] { stream->Open(); });
  return stream.get();
}

WatchStream::WatchStream(const RpcContext& context, const v1::WatchSweepRequest& request)
    : context_(context), request_(request), timer_(context, "WatchSweep"), after_(request.after_event()) {}

void WatchStream::Open() {
  const absl::Status status = WithoutExceptions([this]() -> absl::Status {
    if (after_ < 0) {
      return FieldViolationsError({{"after_event", absl::StrCat("is ", after_, "; must be at least 0")}});
    }
    ASSIGN_OR_RETURN(watcher_, context_.coordinator->AddWatcher(request_, shared_from_this()));
    return absl::OkStatus();
  });
  if (!status.ok()) return RequestFinish(status);
  OnEvents();
}

void WatchStream::ReadPage() {
  absl::StatusOr<Coordinator::EventPage> page = absl::UnknownError("not read");
  const absl::Status status = WithoutExceptions([&] {
    page = context_.coordinator->ReadEvents(request_.sweep_id(), after_, kPageEvents);
    return page.status();
  });
  absl::MutexLock lock(&mutex_);
  reading_ = false;
  if (!status.ok()) return FinishWith(status);
  if (!page->events.empty()) after_ = page->events.back().number();
  more_ = more_ || page->more;
  ended_ = page->ended;
  for (v1::Event& event : page->events) {
    progress_.erase(event.run_succeeded().run_id());
    progress_.erase(event.run_failed().run_id());
    events_.push_back(std::move(event));
  }
  Pump();
}

void WatchStream::Close() {
  if (watcher_ != 0) context_.coordinator->RemoveWatcher(watcher_);
}

void WatchStream::OnEvents() {
  absl::MutexLock lock(&mutex_);
  more_ = true;
  Pump();
}

void WatchStream::OnProgress(const v1::RunProgress& progress) {
  absl::MutexLock lock(&mutex_);
  progress_[progress.run_id()] = progress;
  Pump();
}

void WatchStream::Pump() {
  if (writing_ || final_status_.has_value()) return;
  if (!events_.empty()) {
    *response_.mutable_event() = std::move(events_.front());
    events_.pop_front();
    return Write();
  }
  if (ended_) return FinishWith(absl::OkStatus());
  if (more_ && !reading_) {
    more_ = false;
    reading_ = true;
    context_.executor->Post([stream = shared_from_this()] { stream->ReadPage(); });
  }
  if (progress_.empty()) return;
  *response_.mutable_progress() = std::move(progress_.begin()->second);
  progress_.erase(progress_.begin());
  Write();
}

void WatchStream::Write() {
  writing_ = true;
  StartWrite(&response_);
}

void WatchStream::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (final_status_.has_value()) return Finish(ToGrpcStatus(*final_status_));
  if (!ok) return FinishWith(absl::CancelledError("the watcher went away"));
  Pump();
}

void WatchStream::FinishWith(const absl::Status& status) {
  if (final_status_.has_value()) return;
  final_status_ = status;
  if (!writing_) Finish(ToGrpcStatus(status));
}

void WatchStream::RequestFinish(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  FinishWith(status);
}

void WatchStream::OnCancel() { RequestFinish(absl::CancelledError("the watcher went away")); }

void WatchStream::OnDone() {
  {
    absl::MutexLock lock(&mutex_);
    timer_.End(final_status_->code());
  }
  context_.executor->Post([stream = shared_from_this()] { stream->Close(); });
  context_.streams->Remove(this);
}

}  // namespace seedbed
