#include "proto/framing/framing.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr size_t kLengthBytes = 4;

void StoreLength(uint32_t length, char* out) {
  for (size_t i = 0; i < kLengthBytes; ++i) out[i] = static_cast<char>(length >> (8 * i));
}

uint32_t LoadLength(const char* in) {
  uint32_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= uint32_t{static_cast<unsigned char>(in[i])} << (8 * i);
  return length;
}

}  // namespace

absl::Status WriteFrame(int fd, const google::protobuf::MessageLite& message) {
  std::string frame(kLengthBytes, '\0');
  if (!message.AppendToString(&frame)) return absl::InternalError("message does not serialize");
  const size_t size = frame.size() - kLengthBytes;
  if (size > kMaxFrameBytes) {
    return absl::OutOfRangeError(absl::StrCat("message of ", size, " bytes; at most ", kMaxFrameBytes, " are allowed"));
  }
  StoreLength(static_cast<uint32_t>(size), frame.data());
  absl::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t count = write(fd, rest.data(), rest.size());
    if (count >= 0) {
      rest.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EPIPE) {
      return absl::UnavailableError("the reader of the pipe is gone");
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, "writing to the pipe");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FrameReader::Next(google::protobuf::MessageLite* message) {
  if (pending_bytes() < kLengthBytes) return false;
  const uint32_t length = LoadLength(buffer_.data() + consumed_);
  if (length > kMaxFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame of ", length, " bytes; at most ", kMaxFrameBytes, " are allowed"));
  }
  if (pending_bytes() < kLengthBytes + length) return false;
  if (!message->ParseFromArray(buffer_.data() + consumed_ + kLengthBytes, static_cast<int>(length))) {
    return absl::InvalidArgumentError(absl::StrCat("frame of ", length, " bytes does not parse"));
  }
  consumed_ += kLengthBytes + length;
  if (consumed_ > buffer_.size() / 2) {
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  return true;
}

}  // namespace seedbed
