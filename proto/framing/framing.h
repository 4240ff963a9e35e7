// Messages over a pipe: a 4-byte little-endian length, then that many bytes of a serialized protobuf message.
#ifndef SEEDBED_PROTO_FRAMING_FRAMING_H_
#define SEEDBED_PROTO_FRAMING_FRAMING_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"

namespace seedbed {

inline constexpr uint32_t kMaxFrameBytes = 4u << 20;

// Writes one frame, blocking, all or an error. UNAVAILABLE when the reader is gone (SIGPIPE must be ignored).
// Not atomic against other writers of the same pipe.
absl::Status WriteFrame(int fd, const google::protobuf::MessageLite& message);

// Cuts frames out of bytes as they arrive. Not thread-safe.
class FrameReader {
 public:
  void Append(absl::string_view bytes) { buffer_.append(bytes.data(), bytes.size()); }

  // Parses the next whole frame into `message`; false when none is there yet. INVALID_ARGUMENT for a length over
  // kMaxFrameBytes or bytes that do not parse: the stream can't be read any further.
  absl::StatusOr<bool> Next(google::protobuf::MessageLite* message);

  // Bytes of a frame that has begun and not ended.
  size_t pending_bytes() const { return buffer_.size() - consumed_; }

 private:
  std::string buffer_;
  size_t consumed_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_PROTO_FRAMING_FRAMING_H_
