// The JSON header of a safetensors file.
#include "sae/io/safetensors_header.h"

#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto header = seedbed::ParseSafetensorsHeader(seedbed::AsText(data, size));
  if (!header.ok()) {
    seedbed::RequireNamesFile(header.status(), "");
    return 0;
  }
  for (const auto& [name, entry] : header->entries) {
    seedbed::Require(entry.data_offsets.size() == 2, "other than two offsets", name);
    for (const int64_t dimension : entry.shape) seedbed::Require(dimension >= 0, "a negative dimension", name);
  }
  return 0;
}
