#include "server/coordinator/session_stream.h"

#include <utility>

#include "proto/rpc/status.h"

namespace seedbed {

SessionStream* SessionStream::Start(const RpcContext& context) {
  const auto stream = std::shared_ptr<SessionStream>(new SessionStream(context));
  context.streams->Add(stream);
  context.executor->Post([stream] { stream->Open(); });
  return stream.get();
}

void SessionStream::Open() {
  session_ = context_.coordinator->OpenSession(shared_from_this());
  ReadNext();
}

void SessionStream::ReadNext() {
  absl::MutexLock lock(&mutex_);
  if (!final_status_.has_value()) StartRead(&report_);
}

void SessionStream::OnReadDone(bool ok) {
  if (!ok) return RequestFinish(absl::OkStatus());  // The worker has closed its side.
  context_.executor->Post([stream = shared_from_this()] { stream->TakeReport(); });
}

void SessionStream::TakeReport() {
  const absl::Status status = WithoutExceptions([this] { return context_.coordinator->Report(session_, report_); });
  if (!status.ok()) return RequestFinish(status);
  ReadNext();
}

void SessionStream::Send(v1::WorkerDirective directive) {
  absl::MutexLock lock(&mutex_);
  if (final_status_.has_value()) return;
  next_directive_ = std::move(directive);
  if (!writing_) WriteNext();
}

void SessionStream::WriteNext() {
  writing_directive_ = *std::exchange(next_directive_, std::nullopt);
  writing_ = true;
  StartWrite(&writing_directive_);
}

void SessionStream::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok && !final_status_.has_value()) final_status_ = absl::CancelledError("the worker went away");
  if (final_status_.has_value()) return Finish(ToGrpcStatus(*final_status_));
  if (next_directive_.has_value()) WriteNext();
}

void SessionStream::RequestFinish(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (final_status_.has_value()) return;
  final_status_ = status;
  if (!writing_) Finish(ToGrpcStatus(status));
}

void SessionStream::OnCancel() { RequestFinish(absl::CancelledError("the worker went away")); }

void SessionStream::OnDone() {
  {
    absl::MutexLock lock(&mutex_);
    timer_.End(final_status_->code());
  }
  context_.executor->Post(
      [stream = shared_from_this()] { stream->context_.coordinator->CloseSession(stream->session_); });
  context_.streams->Remove(this);
}

}  // namespace seedbed
