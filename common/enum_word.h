// The values of a protobuf enum as people write them.
#ifndef SEEDBED_COMMON_ENUM_WORD_H_
#define SEEDBED_COMMON_ENUM_WORD_H_

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace seedbed {

// SEQUENCE_ORDER_SHUFFLED without the prefix SEQUENCE_ORDER_: "shuffled".
inline std::string EnumWord(absl::string_view name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

}  // namespace seedbed

#endif  // SEEDBED_COMMON_ENUM_WORD_H_
