// Named places in a language model whose output SAEs are trained on.
#ifndef SEEDBED_SAE_LM_HOOKPOINT_H_
#define SEEDBED_SAE_LM_HOOKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

enum class HookSite {
  kResidual,   // "layers.N": the residual stream after block N.
  kMlp,        // "layers.N.mlp": the output of its MLP.
  kAttention,  // "layers.N.attn": the output of its attention (after the output projection).
};

struct Hookpoint {
  int layer = 0;  // From 0.
  HookSite site = HookSite::kResidual;

  std::string ToString() const;
  friend bool operator==(const Hookpoint& a, const Hookpoint& b) { return a.layer == b.layer && a.site == b.site; }
};

// INVALID_ARGUMENT, naming what was found and the forms that are allowed.
absl::StatusOr<Hookpoint> ParseHookpoint(absl::string_view text);

// INVALID_ARGUMENT when there are none, or one is not in a model of so many layers; says which the model has.
absl::Status CheckHookpoints(const std::vector<Hookpoint>& hookpoints, int64_t layers);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_HOOKPOINT_H_
