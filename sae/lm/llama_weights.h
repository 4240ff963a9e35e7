// A Llama's parameters in the layout that the forward pass wants.
#ifndef SEEDBED_SAE_LM_LLAMA_WEIGHTS_H_
#define SEEDBED_SAE_LM_LLAMA_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/lm/linear.h"
#include "sae/lm/llama_config.h"
#include "sae/lm/weight_loader.h"

namespace seedbed {

// Float32. RMSNorm's weight is folded into the matrix that reads the norm's output, so that the norm itself is a
// scaling of rows: A (x * s * w) = (A diag(w)) (x * s).
struct LlamaLayerWeights {
  Linear attention_in;   // d_model -> (heads + 2 * kv_heads) * d_head: queries, keys, values beside each other.
  Linear attention_out;  // heads * d_head -> d_model
  Linear mlp_in;         // d_model -> 2 * d_mlp: gate, up.
  Linear mlp_out;        // d_mlp -> d_model
};

struct LlamaWeights {
  at::Tensor embedding;  // [vocabulary_size, d_model]
  std::vector<LlamaLayerWeights> layers;
};

// Loads the embedding and layers [0, layers). In each head of queries and keys, element i and i + d_head / 2, which the
// rotary embedding turns together, come to lie beside each other as one complex number; scores do not change by it.
absl::StatusOr<LlamaWeights> LoadLlamaWeights(const LlamaConfig& config, int64_t layers, at::Device device,
                                              WeightLoader& loader);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_LLAMA_WEIGHTS_H_
