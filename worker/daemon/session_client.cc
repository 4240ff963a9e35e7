#include "worker/daemon/session_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"

namespace seedbed {

SessionClient::SessionClient(Options options, Handler handler, Clock* clock)
    : options_(std::move(options)),
      handler_(std::move(handler)),
      clock_(clock),
      stub_(v1::WorkerService::NewStub(MakeChannel(options_.coordinator))),
      back_off_(options_.shortest_back_off),
      disconnected_since_(clock->Monotonic()) {}

SessionClient::~SessionClient() { Stop(); }

void SessionClient::Start() {
  absl::MutexLock join_lock(&join_mutex_);
  absl::MutexLock lock(&mutex_);
  running_ = true;
  thread_ = std::thread(&SessionClient::Run, this);
}

void SessionClient::NotifyChanged() {
  absl::MutexLock lock(&mutex_);
  changed_ = true;
  news_.SignalAll();
}

void SessionClient::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    news_.SignalAll();
    // A write or a connect may hang on a coordinator that is stuck.
    const absl::Time deadline = absl::Now() + options_.farewell + options_.farewell;
    while (running_ && !news_.WaitWithDeadline(&mutex_, deadline)) {
    }
    if (context_ != nullptr) context_->TryCancel();
  }
  absl::MutexLock lock(&join_mutex_);
  if (thread_.joinable()) thread_.join();
}

bool SessionClient::connected() const { return !disconnected_since().has_value(); }

std::optional<absl::Duration> SessionClient::disconnected_since() const {
  absl::MutexLock lock(&mutex_);
  return disconnected_since_;
}

bool SessionClient::IsStopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void SessionClient::Run() {
  while (!IsStopping()) {
    const absl::Status status = RunSession();
    const bool was_connected = MarkDisconnected();
    if (IsStopping()) break;
    const auto pause = JudgeEnd(status, was_connected);
    if (!pause.has_value()) break;
    const absl::Time deadline = absl::Now() + *pause;
    absl::MutexLock lock(&mutex_);
    while (!stopping_ && !news_.WaitWithDeadline(&mutex_, deadline)) {
    }
  }
  absl::MutexLock lock(&mutex_);
  running_ = false;
  news_.SignalAll();
}

bool SessionClient::MarkDisconnected() {
  {
    absl::MutexLock lock(&mutex_);
    if (disconnected_since_.has_value()) return false;
    disconnected_since_ = clock_->Monotonic();
  }
  handler_.on_connection(false);
  return true;
}

absl::Status SessionClient::RunSession() {
  grpc::ClientContext context;
  {
    absl::MutexLock lock(&mutex_);
    context_ = &context;
    reader_done_ = false;
    sequence_ = 0;
    sent_.clear();
  }
  const std::unique_ptr<Stream> stream = stub_->Session(&context);
  std::thread reader([&] { ReadDirectives(*stream); });
  WriteReports(*stream);
  if (IsStopping()) SayFarewell(*stream);
  reader.join();
  const absl::Status status = FromGrpcStatus(stream->Finish());
  absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  return status.ok() ? absl::UnavailableError("the coordinator has ended the session") : status;
}

void SessionClient::WriteReports(Stream& stream) {
  // A write fails only once the call is dead; the reader then ends as well.
  if (!WriteReport(stream)) return;
  while (WaitUntilReportIsDue()) {
    if (!WriteReport(stream)) return;
  }
}

bool SessionClient::WriteReport(Stream& stream) {
  {
    absl::MutexLock lock(&mutex_);
    changed_ = false;  // Before the report is made: what changes while it is made is reported once more.
  }
  v1::WorkerReport report = handler_.make_report();
  {
    absl::MutexLock lock(&mutex_);
    report.set_sequence(++sequence_);
    last_report_ = clock_->Monotonic();
    sent_[sequence_] = last_report_;
  }
  return stream.Write(report);
}

bool SessionClient::WaitUntilReportIsDue() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_ && !reader_done_) {
    const absl::Duration since = clock_->Monotonic() - last_report_;
    const absl::Duration due = changed_ ? options_.least_interval : options_.heartbeat;
    if (since >= due) return true;
    news_.WaitWithTimeout(&mutex_, due - since);
  }
  return false;
}

void SessionClient::ReadDirectives(Stream& stream) {
  v1::WorkerDirective directive;
  while (stream.Read(&directive)) {
    std::optional<absl::Duration> sent_at;
    bool is_first = false;
    {
      absl::MutexLock lock(&mutex_);
      if (const auto sent = sent_.find(directive.acknowledged_sequence()); sent != sent_.end()) {
        sent_at = sent->second;
        sent_.erase(sent_.begin(), sent);
      }
      is_first = disconnected_since_.has_value();
      disconnected_since_ = std::nullopt;
    }
    if (is_first) {
      Log(LogLevel::kInfo, "session open", {{"coordinator", options_.coordinator}});
      handler_.on_connection(true);
    }
    handler_.on_directive(directive, sent_at);
  }
  absl::MutexLock lock(&mutex_);
  reader_done_ = true;
  news_.SignalAll();
}

void SessionClient::SayFarewell(Stream& stream) {
  if (WriteReport(stream)) stream.WritesDone();
  const absl::Time deadline = absl::Now() + options_.farewell;
  absl::MutexLock lock(&mutex_);
  while (!reader_done_ && !news_.WaitWithDeadline(&mutex_, deadline)) {
  }
  if (!reader_done_) context_->TryCancel();
}

std::optional<absl::Duration> SessionClient::JudgeEnd(const absl::Status& status, bool was_connected) {
  LogEnd(status, was_connected);
  if (was_connected) {
    back_off_ = options_.shortest_back_off;
    name_taken_since_.reset();
  } else if (absl::IsAlreadyExists(status)) {
    const absl::Duration now = clock_->Monotonic();
    if (!name_taken_since_.has_value()) name_taken_since_ = now;
    if (now - *name_taken_since_ >= options_.name_patience) {
      handler_.on_refused(absl::AlreadyExistsError(
          absl::StrCat("the coordinator at ", options_.coordinator, " refuses this worker: ", status.message())));
      return std::nullopt;
    }
  }
  const absl::Duration pause = back_off_;
  back_off_ = std::min(back_off_ * 2, options_.longest_back_off);
  return pause;
}

void SessionClient::LogEnd(const absl::Status& status, bool was_connected) {
  const std::string text = status.ToString();
  if (!was_connected && text == last_logged_) return;  // Once, not with every attempt.
  last_logged_ = text;
  const absl::string_view event = absl::IsAlreadyExists(status)
                                      ? "another worker of this name is connected, or its session has not ended yet; "
                                        "trying again for a while"
                                      : "no session; trying again";
  Log(LogLevel::kWarning, was_connected ? "session lost; trying again" : event,
      {{"coordinator", options_.coordinator}, {"error", text}});
}

}  // namespace seedbed
