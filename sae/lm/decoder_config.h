// The architecture of a decoder-only language model, as every family's config.json is read into it. Plain data.
#ifndef SEEDBED_SAE_LM_DECODER_CONFIG_H_
#define SEEDBED_SAE_LM_DECODER_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

namespace seedbed {

enum class NormKind {
  kRms,    // x / sqrt(mean(x^2) + epsilon) * weight
  kLayer,  // (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias
};

enum class Activation {
  kSilu,      // x * sigmoid(x)
  kGelu,      // x * Phi(x)
  kGeluTanh,  // GELU's approximation by tanh (Hendrycks and Gimpel 2016, arXiv:1606.08415)
};

enum class RotaryScaling {
  kNone,
  kLinear,  // Frequencies divided by a factor (Chen et al. 2023, arXiv:2306.15595).
  kLlama3,  // Low frequencies divided, high ones left, those between interpolated (Llama 3.1).
};

// Rotary position embeddings (Su et al. 2021, arXiv:2104.09864).
struct RotaryConfig {
  int64_t dimensions = 0;  // Of each head, from its first, that are turned; even. 0 = no rotary embedding.
  double theta = 10000;
  RotaryScaling scaling = RotaryScaling::kNone;
  double factor = 1;                      // kLinear, kLlama3.
  double low_frequency_factor = 1;        // kLlama3.
  double high_frequency_factor = 4;       // kLlama3; above low_frequency_factor.
  double original_context_length = 8192;  // kLlama3.
};

struct DecoderConfig {
  std::string model_type;
  int64_t vocabulary_size = 0;
  int64_t context_length = 0;  // Tokens in the longest sequence; 0 = no limit is stated.
  int64_t layers = 0;
  int64_t d_model = 0;
  int64_t d_mlp = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;  // Divides `heads`.
  int64_t d_head = 0;

  double embedding_scale = 1;      // Of the token embedding, rounded to the type that the model computes in.
  bool learned_positions = false;  // One row for each position is added to the token embedding.
  RotaryConfig rotary;

  NormKind norm = NormKind::kRms;
  double norm_epsilon = 1e-5;
  bool norm_adds_one = false;      // The weight of a norm is 1 + what the file has.
  bool head_norms = false;         // RMSNorm of every query and key head, before the rotary embedding.
  bool post_norms = false;         // A norm of what attention and MLP give, before it is added.
  bool parallel_residual = false;  // x + attention(norm(x)) + mlp(other_norm(x))

  bool query_key_value_bias = false;
  bool attention_out_bias = false;
  bool mlp_bias = false;
  double attention_scale = 1;    // Of the products of queries and keys.
  double attention_softcap = 0;  // c * tanh(score / c); 0 = none.
  std::vector<int64_t> windows;  // By layer: a query sees so many positions, its own among them; 0 = all before it.

  bool gated_mlp = false;  // (activation(x G) * (x U)) D; otherwise activation(x U) D
  Activation activation = Activation::kSilu;

  bool tied_head = false;    // The head is the token embedding.
  double logit_softcap = 0;  // As attention_softcap.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_DECODER_CONFIG_H_
