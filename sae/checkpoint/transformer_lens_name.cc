#include "sae/checkpoint/transformer_lens_name.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "sae/lm/hookpoint.h"

namespace seedbed {

std::string TransformerLensName(absl::string_view hookpoint) {
  const absl::StatusOr<Hookpoint> parsed = ParseHookpoint(hookpoint);
  if (!parsed.ok()) return std::string(hookpoint);
  const std::string block = absl::StrCat("blocks.", parsed->layer, ".");
  switch (parsed->site) {
    case HookSite::kEmbeddings:
      return absl::StrCat(block, "hook_resid_pre");
    case HookSite::kAttention:
      return absl::StrCat(block, "hook_attn_out");
    case HookSite::kResidualMiddle:
      return absl::StrCat(block, "hook_resid_mid");
    case HookSite::kMlp:
      return absl::StrCat(block, "hook_mlp_out");
    case HookSite::kResidual:
      return absl::StrCat(block, "hook_resid_post");
    case HookSite::kMlpInput:
      break;
  }
  return std::string(hookpoint);
}

}  // namespace seedbed
