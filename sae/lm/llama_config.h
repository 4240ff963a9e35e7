// What config.json says of a Llama-family model. Pure JSON: knows no LibTorch.
#ifndef SEEDBED_SAE_LM_LLAMA_CONFIG_H_
#define SEEDBED_SAE_LM_LLAMA_CONFIG_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "sae/io/json_object.h"

namespace seedbed {

// Field names of Hugging Face's config.json in the comments.
struct LlamaConfig {
  int64_t vocabulary_size = 0;  // vocab_size
  int64_t d_model = 0;          // hidden_size
  int64_t d_mlp = 0;            // intermediate_size
  int64_t layers = 0;           // num_hidden_layers
  int64_t heads = 0;            // num_attention_heads
  int64_t kv_heads = 0;         // num_key_value_heads; `heads` when absent. Divides `heads`.
  int64_t d_head = 0;           // head_dim; d_model / heads when absent. Even.
  double rms_norm_epsilon = 0;  // rms_norm_eps
  double rope_theta = 10000;    // rope_parameters.rope_theta, or rope_theta of older files
};

// INVALID_ARGUMENT, naming file and field: a field that is missing, of another type or out of range; a rotary embedding
// other than the default, an activation other than silu, biases, quantised weights (none of which is supported).
absl::StatusOr<LlamaConfig> ParseLlamaConfig(const JsonObject& config);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_LLAMA_CONFIG_H_
