#include "server/scheduler/hookpoint_name.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace seedbed {

bool IsHookpointText(absl::string_view text) {
  constexpr absl::string_view kPunctuation = "._-*?[]";
  if (text.empty() || text.size() > kMostHookpointBytes || text.front() == '.') return false;
  return std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return absl::ascii_isalnum(c) || absl::StrContains(kPunctuation, static_cast<char>(c));
  });
}

bool IsHookpointPattern(absl::string_view text) { return text.find_first_of("*?[]") != absl::string_view::npos; }

bool IsCanonicalHookpoint(absl::string_view text) {
  if (text == "embeddings") return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() < 2 || parts.size() > 3 || parts[0] != "layers") return false;
  int layer = 0;
  if (!absl::SimpleAtoi(parts[1], &layer) || layer < 0 || absl::StrCat(layer) != parts[1]) return false;
  return parts.size() == 2 || parts[2] == "attn" || parts[2] == "mlp" || parts[2] == "mlp_in" ||
         parts[2] == "resid_mid";
}

}  // namespace seedbed
