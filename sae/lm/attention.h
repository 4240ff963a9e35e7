// Causal self-attention with grouped queries (Ainslie et al. 2023, arXiv:2305.13245).
#ifndef SEEDBED_SAE_LM_ATTENTION_H_
#define SEEDBED_SAE_LM_ATTENTION_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace seedbed {

struct AttentionOptions {
  int64_t heads = 0;
  int64_t kv_heads = 0;  // Divides `heads`; query head h reads key head h / (heads / kv_heads).
  double scale = 1;      // Of the scores.
  double softcap = 0;    // Scores become c * tanh(score / c); 0 = none.
  int64_t window = 0;    // A query sees so many positions, its own the last of them; 0 = all before it.
};

// `projected`: [batch, sequence, heads + 2 * kv_heads, d_head], float32 or bfloat16, dense: queries, keys and values of
// every position. Gives [batch * sequence, heads * d_head], dense, in the same type.
at::Tensor CausalAttention(const AttentionOptions& options, const at::Tensor& projected);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_ATTENTION_H_
