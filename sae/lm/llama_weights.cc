#include "sae/lm/llama_weights.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

// Names in Hugging Face's files; those of a layer follow "model.layers.N.".
constexpr char kEmbedding[] = "model.embed_tokens.weight";
constexpr char kAttentionNorm[] = "input_layernorm.weight";
constexpr char kQuery[] = "self_attn.q_proj.weight";
constexpr char kKey[] = "self_attn.k_proj.weight";
constexpr char kValue[] = "self_attn.v_proj.weight";
constexpr char kAttentionOut[] = "self_attn.o_proj.weight";
constexpr char kMlpNorm[] = "post_attention_layernorm.weight";
constexpr char kGate[] = "mlp.gate_proj.weight";
constexpr char kUp[] = "mlp.up_proj.weight";
constexpr char kMlpOut[] = "mlp.down_proj.weight";

// Reorders, in place, the rows of each head from halves (0..d/2, d/2..d) to pairs (0, d/2), (1, d/2 + 1), ...
void PairRotaryRows(const at::Tensor& matrix, int64_t d_head) {
  const at::Tensor halves = matrix.clone().view({-1, 2, d_head / 2, matrix.size(1)});
  matrix.view({-1, d_head / 2, 2, matrix.size(1)}).copy_(halves.transpose(1, 2));
}

absl::StatusOr<LlamaLayerWeights> LoadLayer(const LlamaConfig& config, int64_t layer, at::Device device,
                                            WeightLoader& loader) {
  const std::string prefix = absl::StrCat("model.layers.", layer, ".");
  const int64_t d_query = config.heads * config.d_head;
  const int64_t d_key = config.kv_heads * config.d_head;
  ASSIGN_OR_RETURN(const at::Tensor attention_norm, loader.Load(prefix + kAttentionNorm, {config.d_model}));
  ASSIGN_OR_RETURN(const at::Tensor attention_in,
                   loader.LoadStacked({{prefix + kQuery, d_query}, {prefix + kKey, d_key}, {prefix + kValue, d_key}},
                                      config.d_model));
  ASSIGN_OR_RETURN(const at::Tensor attention_out, loader.Load(prefix + kAttentionOut, {config.d_model, d_query}));
  ASSIGN_OR_RETURN(const at::Tensor mlp_norm, loader.Load(prefix + kMlpNorm, {config.d_model}));
  ASSIGN_OR_RETURN(const at::Tensor mlp_in,
                   loader.LoadStacked({{prefix + kGate, config.d_mlp}, {prefix + kUp, config.d_mlp}}, config.d_model));
  ASSIGN_OR_RETURN(const at::Tensor mlp_out, loader.Load(prefix + kMlpOut, {config.d_model, config.d_mlp}));
  PairRotaryRows(attention_in.narrow(0, 0, d_query + d_key), config.d_head);
  attention_in.mul_(attention_norm);
  mlp_in.mul_(mlp_norm);
  return LlamaLayerWeights{Linear(attention_in.to(device)), Linear(attention_out.to(device)), Linear(mlp_in.to(device)),
                           Linear(mlp_out.to(device))};
}

}  // namespace

absl::StatusOr<LlamaWeights> LoadLlamaWeights(const LlamaConfig& config, int64_t layers, at::Device device,
                                              WeightLoader& loader) {
  LlamaWeights weights;
  ASSIGN_OR_RETURN(const at::Tensor embedding, loader.Load(kEmbedding, {config.vocabulary_size, config.d_model}));
  weights.embedding = embedding.to(device);
  for (int64_t layer = 0; layer < layers; ++layer) {
    ASSIGN_OR_RETURN(LlamaLayerWeights loaded, LoadLayer(config, layer, device, loader));
    weights.layers.push_back(std::move(loaded));
  }
  return weights;
}

}  // namespace seedbed
