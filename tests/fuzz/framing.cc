// Frames of a pipe: what arrives in pieces is what arrives at once.
#include "proto/framing/framing.h"

#include <algorithm>
#include <vector>

#include "google/protobuf/stubs/logging.h"
#include "seedbed/v1/trainer.pb.h"
#include "tests/fuzz/fuzzing.h"

namespace seedbed {
namespace {

struct Outcome {
  std::vector<std::string> messages;
  absl::Status status;
};

// Reads all messages, the bytes coming in pieces of `step`.
Outcome ReadAll(absl::string_view bytes, size_t step) {
  FrameReader reader;
  Outcome outcome;
  for (size_t begin = 0; begin < bytes.size(); begin += step) {
    reader.Append(bytes.substr(begin, step));
    while (true) {
      v1::RankMessage message;
      const absl::StatusOr<bool> more = reader.Next(&message);
      if (!more.ok()) {
        outcome.status = more.status();
        return outcome;
      }
      if (!*more) break;
      outcome.messages.push_back(message.SerializeAsString());
    }
  }
  Require(reader.pending_bytes() <= bytes.size(), "more bytes pending than came");
  return outcome;
}

}  // namespace
}  // namespace seedbed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // What does not parse is in the status; protobuf writes it to stderr as well.
  google::protobuf::SetLogHandler(nullptr);
  const absl::string_view bytes = seedbed::AsText(data, size);
  const seedbed::Outcome whole = seedbed::ReadAll(bytes, std::max<size_t>(size, 1));
  for (const size_t step : {1, 5}) {
    const seedbed::Outcome pieces = seedbed::ReadAll(bytes, step);
    seedbed::Require(pieces.messages == whole.messages, "other messages in pieces");
    seedbed::Require(pieces.status == whole.status, "another error in pieces", pieces.status.message());
  }
  return 0;
}
