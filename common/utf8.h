// Protobuf strings must be UTF-8; what a child process prints need not be.
#ifndef SEEDBED_COMMON_UTF8_H_
#define SEEDBED_COMMON_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace seedbed {

// The text with every byte that is no part of a well-formed UTF-8 sequence (Unicode 15, table 3-7) replaced by U+FFFD.
std::string ReplaceInvalidUtf8(absl::string_view text);

}  // namespace seedbed

#endif  // SEEDBED_COMMON_UTF8_H_
