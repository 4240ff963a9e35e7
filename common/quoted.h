// Text that others wrote, as a message of one line repeats it.
#ifndef SEEDBED_COMMON_QUOTED_H_
#define SEEDBED_COMMON_QUOTED_H_

#include <string>

#include "absl/strings/string_view.h"

namespace seedbed {

// In quotes: control characters, quotes and backslashes escaped, what is not UTF-8 replaced by U+FFFD, cut at 100 bytes
// between two characters.
std::string Quoted(absl::string_view text);

// A whole message, its control characters escaped and all else as it is.
std::string EscapeControlCharacters(absl::string_view text);

}  // namespace seedbed

#endif  // SEEDBED_COMMON_QUOTED_H_
