// How values look to people, and messages to programs.
#ifndef SEEDBED_CLIENT_FORMAT_H_
#define SEEDBED_CLIENT_FORMAT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "seedbed/v1/coordinator.pb.h"
#include "seedbed/v1/run.pb.h"

namespace seedbed {

// 131072 -> "131,072".
std::string FormatCount(int64_t count);

// To a fixed number of decimals; "-" for what is not finite.
std::string FormatFixed(double value, int decimals);

// The two largest units: "2 h 05 min", "3 min 20 s", "45 s", "0.4 s" below ten seconds; "-" for a negative or infinite
// one.
std::string FormatElapsed(absl::Duration duration);

// Local time to the second; "-" for 0.
std::string FormatTimestamp(int64_t unix_ms);

// "queued", "training": the value's name without its prefix, in lower case, with spaces.
std::string FormatState(seedbed::v1::RunState state);
std::string FormatState(seedbed::v1::SweepState state);
std::string FormatState(seedbed::v1::GangState state);
std::string FormatKind(seedbed::v1::FailureKind kind);

// Of a run that has ended its result, else its progress.
const seedbed::v1::RunMetrics& LatestMetrics(const seedbed::v1::Run& run);

// "user error: model/config.json: missing", without line breaks.
std::string FormatFailure(const seedbed::v1::Failure& failure);

// "layers.9", and of a transcoder "layers.9.mlp_in -> layers.9.mlp".
std::string FormatHookpoint(const seedbed::v1::SaeSpec& sae);

// "topk", and in another convention than the architecture's default "topk (saelens)".
std::string FormatArchitecture(const seedbed::v1::SaeSpec& sae);

// What decides how many latents are active: "k 16", "L0 32" for a target and "coefficient 0.1" for a penalty without
// one.
std::string FormatSparsity(const seedbed::v1::SaeSpec& sae);

// "layers.9 topk, 512 latents, k 16".
std::string FormatSae(const seedbed::v1::SaeSpec& sae);

// The mean number of active latents, and of a run whose target was missed "45.1, not 32".
std::string FormatL0(const seedbed::v1::Run& run);

// On one line whatever is in it: line breaks become "; " or spaces.
std::string OneLine(absl::string_view text);

// The message as indented JSON with the field names of the proto files, zeros included, and a line break at the end.
std::string ToJson(const google::protobuf::Message& message);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_FORMAT_H_
