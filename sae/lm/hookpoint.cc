#include "sae/lm/hookpoint.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace seedbed {
namespace {

// Canonical spellings come first.
constexpr absl::string_view kEmbeddingNames[] = {
    "embeddings", "model.embed_tokens", "embed_tokens", "gpt_neox.embed_in", "embed_in", "transformer.drop", "drop"};
constexpr absl::string_view kBlockPrefixes[] = {"layers.", "model.layers.", "gpt_neox.layers.", "transformer.h.", "h."};

struct Suffix {
  HookSite site;
  absl::string_view text;
};
constexpr Suffix kSuffixes[] = {{HookSite::kResidual, ""},
                                {HookSite::kMlp, ".mlp"},
                                {HookSite::kAttention, ".attn"},
                                {HookSite::kAttention, ".self_attn"},
                                {HookSite::kAttention, ".attention"},
                                {HookSite::kMlpInput, ".mlp_in"},
                                {HookSite::kResidualMiddle, ".resid_mid"}};

constexpr HookSite kSitesOfBlock[] = {HookSite::kAttention, HookSite::kResidualMiddle, HookSite::kMlpInput,
                                      HookSite::kMlp, HookSite::kResidual};

// "embeddings, layers.N, layers.N.mlp, ..."
std::string Forms(bool parallel_residual) {
  constexpr Suffix kCanonical[] = {{HookSite::kResidual, ""},
                                   {HookSite::kMlp, ".mlp"},
                                   {HookSite::kAttention, ".attn"},
                                   {HookSite::kMlpInput, ".mlp_in"},
                                   {HookSite::kResidualMiddle, ".resid_mid"}};
  std::string forms(kEmbeddingNames[0]);
  for (const Suffix& suffix : kCanonical) {
    if (parallel_residual && suffix.site == HookSite::kResidualMiddle) continue;
    absl::StrAppend(&forms, ", ", kBlockPrefixes[0], "N", suffix.text);
  }
  return forms;
}

// Takes digits off the front of `rest`. No sign, space or leading zero, so that a number has one spelling.
bool ConsumeLayer(absl::string_view* rest, int* layer) {
  const auto end = std::find_if(rest->begin(), rest->end(), [](char c) { return c < '0' || c > '9'; });
  const absl::string_view digits = rest->substr(0, static_cast<size_t>(end - rest->begin()));
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return false;
  rest->remove_prefix(digits.size());
  return absl::SimpleAtoi(digits, layer);
}

bool ParseBlockName(absl::string_view text, Hookpoint* hookpoint) {
  for (const absl::string_view prefix : kBlockPrefixes) {
    absl::string_view rest = text;
    if (!absl::ConsumePrefix(&rest, prefix) || !ConsumeLayer(&rest, &hookpoint->layer)) continue;
    for (const Suffix& suffix : kSuffixes) {
      if (rest != suffix.text) continue;
      hookpoint->site = suffix.site;
      return true;
    }
  }
  return false;
}

}  // namespace

std::string Hookpoint::ToString() const { return SpellingsOf(*this).front(); }

absl::StatusOr<Hookpoint> ParseHookpoint(absl::string_view text) {
  Hookpoint hookpoint;
  if (std::find(std::begin(kEmbeddingNames), std::end(kEmbeddingNames), text) != std::end(kEmbeddingNames)) {
    return Hookpoint{0, HookSite::kEmbeddings};
  }
  if (ParseBlockName(text, &hookpoint)) return hookpoint;
  return absl::InvalidArgumentError(absl::StrCat("hookpoint \"", text, "\" is not known, allowed are ",
                                                 Forms(/*parallel_residual=*/false), " with N from 0"));
}

std::vector<std::string> SpellingsOf(const Hookpoint& hookpoint) {
  if (hookpoint.site == HookSite::kEmbeddings) return {std::begin(kEmbeddingNames), std::end(kEmbeddingNames)};
  std::vector<std::string> spellings;
  for (const absl::string_view prefix : kBlockPrefixes) {
    for (const Suffix& suffix : kSuffixes) {
      if (suffix.site == hookpoint.site) spellings.push_back(absl::StrCat(prefix, hookpoint.layer, suffix.text));
    }
  }
  return spellings;
}

std::vector<Hookpoint> HookpointInventory::All() const {
  std::vector<Hookpoint> all = {{0, HookSite::kEmbeddings}};
  for (int layer = 0; layer < layers; ++layer) {
    for (const HookSite site : kSitesOfBlock) {
      if (parallel_residual && site == HookSite::kResidualMiddle) continue;
      all.push_back({layer, site});
    }
  }
  return all;
}

std::string HookpointInventory::ToString() const {
  return absl::StrCat(Forms(parallel_residual), " for N from 0 to ", layers - 1);
}

absl::Status CheckHookpoint(const Hookpoint& hookpoint, const HookpointInventory& inventory) {
  const bool no_such_layer = hookpoint.layer < 0 || hookpoint.layer >= inventory.layers;
  const bool no_such_site = inventory.parallel_residual && hookpoint.site == HookSite::kResidualMiddle;
  if (!no_such_layer && !no_such_site) return absl::OkStatus();
  const absl::string_view why =
      no_such_layer ? "" : ", whose blocks add attention and MLP to the residual stream together";
  return absl::InvalidArgumentError(absl::StrCat("hookpoint \"", hookpoint.ToString(), "\" is not in the model", why,
                                                 "; it has ", inventory.ToString()));
}

}  // namespace seedbed
