#include "common/quoted.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/utf8.h"

namespace seedbed {
namespace {

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

std::string Quoted(absl::string_view text) {
  constexpr size_t kMostBytes = 100;
  constexpr size_t kMostContinuations = 3;  // Of a UTF-8 character: 10xxxxxx.
  const bool cut = text.size() > kMostBytes;
  size_t length = cut ? kMostBytes : text.size();
  while (cut && length > kMostBytes - kMostContinuations && IsContinuation(text[length])) --length;
  return absl::StrCat("\"", absl::Utf8SafeCEscape(ReplaceInvalidUtf8(text.substr(0, length))), cut ? "...\"" : "\"");
}

std::string EscapeControlCharacters(absl::string_view text) {
  std::string escaped;
  for (const char& character : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(character))) {
      escaped += absl::CEscape(absl::string_view(&character, 1));
    } else {
      escaped += character;
    }
  }
  return escaped;
}

}  // namespace seedbed
