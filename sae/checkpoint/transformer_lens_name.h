// Hookpoints by the names of TransformerLens, which SAELens' tools look up.
#ifndef SEEDBED_SAE_CHECKPOINT_TRANSFORMER_LENS_NAME_H_
#define SEEDBED_SAE_CHECKPOINT_TRANSFORMER_LENS_NAME_H_

#include <string>

#include "absl/strings/string_view.h"

namespace seedbed {

// "blocks.9.hook_mlp_out" for "layers.9.mlp" or a synonym (sae/lm/hookpoint.h). `hookpoint` itself where
// TransformerLens has no such place: what an MLP reads is scaled by the norm's weight here and only for some models
// there.
std::string TransformerLensName(absl::string_view hookpoint);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_TRANSFORMER_LENS_NAME_H_
