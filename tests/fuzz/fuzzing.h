// What the entry points share: they crash where a reader breaks its word, so that libFuzzer keeps the input.
#ifndef SEEDBED_TESTS_FUZZ_FUZZING_H_
#define SEEDBED_TESTS_FUZZ_FUZZING_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace seedbed {

inline absl::string_view AsText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Aborts.
inline void Require(bool condition, const char* what, absl::string_view shown = "") {
  if (condition) return;
  std::fprintf(stderr, "broken: %s: %s\n", what, std::string(shown).c_str());
  std::abort();
}

// What a user is told of a bad file: one short line without control characters that names the file.
inline void RequireNamesFile(const absl::Status& status, absl::string_view file) {
  constexpr size_t kLongestLine = 2000;
  const absl::string_view line = status.message();
  Require(absl::StrContains(line, file), "an error that does not name the file", line);
  Require(line.size() <= kLongestLine, "an error longer than a line", line);
  for (const char c : line) Require(static_cast<unsigned char>(c) >= ' ', "an error with a control character", line);
}

}  // namespace seedbed

// libFuzzer's entry point.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#endif  // SEEDBED_TESTS_FUZZ_FUZZING_H_
