#include "common/utf8.h"

#include <cstddef>

namespace seedbed {
namespace {

bool InRange(unsigned char byte, unsigned char least, unsigned char most) { return byte >= least && byte <= most; }

// Length of the well-formed sequence that `text`, which is not empty, begins with; 0 = there is none.
size_t SequenceLength(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (!InRange(byte(i), 0x80, 0xBF)) return false;
    }
    return true;
  };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (InRange(lead, 0xC2, 0xDF)) return text.size() >= 2 && continues(1, 2) ? 2 : 0;
  if (InRange(lead, 0xE0, 0xEF)) {
    if (text.size() < 3 || !continues(1, 3)) return 0;
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (InRange(lead, 0xF0, 0xF4)) {
    if (text.size() < 4 || !continues(1, 4)) return 0;
    const bool overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool beyond_unicode = lead == 0xF4 && byte(1) > 0x8F;
    return overlong || beyond_unicode ? 0 : 4;
  }
  return 0;
}

}  // namespace

std::string ReplaceInvalidUtf8(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      out.append(text.data(), length);
      text.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace seedbed
