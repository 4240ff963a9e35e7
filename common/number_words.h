// Numbers and lines as people read them.
#ifndef SEEDBED_COMMON_NUMBER_WORDS_H_
#define SEEDBED_COMMON_NUMBER_WORDS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace seedbed {

// 131072 -> "131,072".
std::string FormatCount(int64_t count);

// To a fixed number of decimals; "-" for what is not finite.
std::string FormatFixed(double value, int decimals);

// On one line whatever is in it: line breaks become "; " or spaces.
std::string OneLine(absl::string_view text);

}  // namespace seedbed

#endif  // SEEDBED_COMMON_NUMBER_WORDS_H_
