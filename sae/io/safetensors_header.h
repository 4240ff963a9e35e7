// The JSON header of a safetensors file, as it stands: syntax and types are checked here, sense in safetensors.cc.
#ifndef SEEDBED_SAE_IO_SAFETENSORS_HEADER_H_
#define SEEDBED_SAE_IO_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// One tensor's entry.
struct SafetensorsEntry {
  std::string dtype;
  std::vector<int64_t> shape;         // Not negative.
  std::vector<int64_t> data_offsets;  // Two, not negative; begin and end, from the first byte after the header.
};

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

// INVALID_ARGUMENT, naming the tensor where one is concerned (not the file): text that is not UTF-8 JSON, deeper
// nesting than the format has, a name or field that comes twice, a field that is unknown, missing or of another type, a
// number that is negative, broken or beyond int64.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view json);

}  // namespace seedbed

#endif  // SEEDBED_SAE_IO_SAFETENSORS_HEADER_H_
