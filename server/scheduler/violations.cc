#include "server/scheduler/violations.h"

#include "absl/strings/escaping.h"

namespace seedbed {

std::string Quoted(absl::string_view text) {
  constexpr size_t kMostBytes = 100;
  if (text.size() <= kMostBytes) return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
  size_t length = kMostBytes;
  // 10xxxxxx continues a UTF-8 character.
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text.substr(0, length)), "...\"");
}

std::string ElementPath(absl::string_view list, int64_t index) { return absl::StrCat(list, "[", index, "]"); }

}  // namespace seedbed
