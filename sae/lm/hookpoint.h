// Named places in a language model whose values SAEs are trained on (docs/models.md).
#ifndef SEEDBED_SAE_LM_HOOKPOINT_H_
#define SEEDBED_SAE_LM_HOOKPOINT_H_

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// In the order in which a block reaches them.
enum class HookSite {
  kEmbeddings,      // "embeddings": the residual stream before block 0.
  kAttention,       // "layers.N.attn": the output of its attention (after the output projection).
  kResidualMiddle,  // "layers.N.resid_mid": the residual stream after the attention's output was added.
  kMlpInput,        // "layers.N.mlp_in": what its MLP reads (after the norm).
  kMlp,             // "layers.N.mlp": the output of its MLP.
  kResidual,        // "layers.N": the residual stream after block N.
};

struct Hookpoint {
  int layer = 0;  // From 0; that of the embeddings is 0.
  HookSite site = HookSite::kResidual;

  // The canonical name.
  std::string ToString() const;
  friend bool operator==(const Hookpoint& a, const Hookpoint& b) { return a.layer == b.layer && a.site == b.site; }
  // The order of the model.
  friend bool operator<(const Hookpoint& a, const Hookpoint& b) {
    return std::tie(a.layer, a.site) < std::tie(b.layer, b.site);
  }
};

// A canonical name or a synonym: the module's path in transformers, as sparsify writes it, with or without the name of
// the base model ("gpt_neox.layers.3.mlp", "model.layers.9.self_attn", "h.5.attn", "embed_tokens"). INVALID_ARGUMENT,
// naming what was found and the forms that are allowed.
absl::StatusOr<Hookpoint> ParseHookpoint(absl::string_view text);

// Every name that ParseHookpoint takes for `hookpoint`, the canonical one first.
std::vector<std::string> SpellingsOf(const Hookpoint& hookpoint);

// What decides which hookpoints a model has: all sites of its layers, but no kResidualMiddle where a block's attention
// and MLP read the same residual stream and are added to it together.
struct HookpointInventory {
  int64_t layers = 0;
  bool parallel_residual = false;

  // In the order of the model.
  std::vector<Hookpoint> All() const;
  // "embeddings, layers.N, ... for N from 0 to 29".
  std::string ToString() const;
};

// INVALID_ARGUMENT when a hookpoint is not in the model; says why and which the model has.
absl::Status CheckHookpoint(const Hookpoint& hookpoint, const HookpointInventory& inventory);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_HOOKPOINT_H_
