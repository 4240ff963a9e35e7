#include "sae/lm/hookpoint.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace seedbed {
namespace {

constexpr absl::string_view kPrefix = "layers.";
constexpr absl::string_view kForms = "layers.N, layers.N.mlp, layers.N.attn";

constexpr std::pair<HookSite, absl::string_view> kSuffixes[] = {
    {HookSite::kResidual, ""}, {HookSite::kMlp, ".mlp"}, {HookSite::kAttention, ".attn"}};

// Digits alone, so that every hookpoint has one spelling: no sign, space or leading zero.
bool ParseLayer(absl::string_view text, int* layer) {
  const bool digits =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || (text.size() > 1 && text[0] == '0')) return false;
  return absl::SimpleAtoi(text, layer);
}

}  // namespace

std::string Hookpoint::ToString() const {
  const auto suffix = std::find_if(std::begin(kSuffixes), std::end(kSuffixes),
                                   [this](const auto& candidate) { return candidate.first == site; });
  return absl::StrCat(kPrefix, layer, suffix->second);
}

absl::StatusOr<Hookpoint> ParseHookpoint(absl::string_view text) {
  absl::string_view rest = text;
  Hookpoint hookpoint;
  for (const auto& [site, suffix] : kSuffixes) {
    if (suffix.empty() || !absl::ConsumeSuffix(&rest, suffix)) continue;
    hookpoint.site = site;
    break;
  }
  if (absl::ConsumePrefix(&rest, kPrefix) && ParseLayer(rest, &hookpoint.layer)) return hookpoint;
  return absl::InvalidArgumentError(
      absl::StrCat("hookpoint \"", text, "\" is not known, allowed are ", kForms, " with N from 0"));
}

absl::Status CheckHookpoints(const std::vector<Hookpoint>& hookpoints, int64_t layers) {
  if (hookpoints.empty()) return absl::InvalidArgumentError("no hookpoint is given, at least one is needed");
  for (const Hookpoint& hookpoint : hookpoints) {
    if (hookpoint.layer >= 0 && hookpoint.layer < layers) continue;
    return absl::InvalidArgumentError(absl::StrCat("hookpoint \"", hookpoint.ToString(),
                                                   "\" is not in the model, which has ", kForms, " for N from 0 to ",
                                                   layers - 1));
  }
  return absl::OkStatus();
}

}  // namespace seedbed
