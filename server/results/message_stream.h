// A stream of messages that are all at hand.
#ifndef SEEDBED_SERVER_RESULTS_MESSAGE_STREAM_H_
#define SEEDBED_SERVER_RESULTS_MESSAGE_STREAM_H_

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/support/server_callback.h"
#include "proto/rpc/status.h"

namespace seedbed {

// Sends the messages one after another, then ends with OK. Owns itself until it is done.
template <typename Message>
class MessageStream final : public grpc::ServerWriteReactor<Message> {
 public:
  static MessageStream* Start(std::vector<Message> messages) {
    auto* stream = new MessageStream(std::move(messages));
    stream->SendNext();
    return stream;
  }
  static MessageStream* Fail(const absl::Status& status) {
    auto* stream = new MessageStream({});
    stream->Finish(ToGrpcStatus(status));
    return stream;
  }

  void OnWriteDone(bool ok) override {
    if (ok) return SendNext();
    this->Finish(ToGrpcStatus(absl::CancelledError("the reader went away")));
  }
  void OnDone() override { delete this; }

 private:
  explicit MessageStream(std::vector<Message> messages) : messages_(std::move(messages)) {}

  void SendNext() {
    if (next_ == messages_.size()) return this->Finish(grpc::Status::OK);
    this->StartWrite(&messages_[next_++]);
  }

  std::vector<Message> messages_;
  size_t next_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_MESSAGE_STREAM_H_
