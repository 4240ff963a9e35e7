// How values look to people, and messages to programs.
#ifndef SEEDBED_CLIENT_FORMAT_H_
#define SEEDBED_CLIENT_FORMAT_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/number_words.h"
#include "google/protobuf/message.h"
#include "proto/words/sae_words.h"
#include "seedbed/v1/coordinator.pb.h"
#include "seedbed/v1/run.pb.h"

namespace seedbed {

// The two largest units: "2 h 05 min", "3 min 20 s", "45 s", "0.4 s" below ten seconds; "-" for a negative or infinite
// one.
std::string FormatElapsed(absl::Duration duration);

// Local time to the second; "-" for 0.
std::string FormatTimestamp(int64_t unix_ms);

// "queued", "training": the value's name without its prefix, in lower case, with spaces.
std::string FormatState(seedbed::v1::RunState state);
std::string FormatState(seedbed::v1::SweepState state);
std::string FormatState(seedbed::v1::GangState state);

// Of a run that has ended its result, else its progress.
const seedbed::v1::RunMetrics& LatestMetrics(const seedbed::v1::Run& run);

// The mean number of active latents, and of a run whose target was missed "45.1, not 32".
std::string FormatL0(const seedbed::v1::Run& run);

// The message as indented JSON with the field names of the proto files, zeros included, and a line break at the end.
std::string ToJson(const google::protobuf::Message& message);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_FORMAT_H_
