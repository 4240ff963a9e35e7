#include "sae/lm/llama.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/view_as_complex.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/status.h"
#include "sae/lm/llama_weights.h"

namespace seedbed {
namespace {

// Turns of the rotary embedding: complex64 [sequence, 1, d_head / 2], exp(i * position * theta^(-2j / d_head)). In
// float32 throughout, as transformers computes them.
at::Tensor RotaryTurns(const LlamaConfig& config, int64_t sequence, at::Device device) {
  const at::Tensor exponents = at::arange(0, config.d_head, 2, at::kFloat).div_(config.d_head);
  const at::Tensor frequencies = at::pow(config.rope_theta, exponents).reciprocal_();
  const at::Tensor angles = at::outer(at::arange(sequence, at::kFloat), frequencies);
  return at::polar(at::ones_like(angles), angles).unsqueeze(1).to(device);
}

// What is kept for one shape of tokens and used again by every layer and call. rows = batch * sequence.
struct Workspace {
  int64_t batch = 0;
  int64_t sequence = 0;
  at::Tensor turns;
  at::Tensor residual;  // [rows, d_model]
  at::Tensor normed;    // [rows, d_model]
  at::Tensor rms;       // [rows, 1]
  at::Tensor hidden;    // [rows, d_mlp]
};

class Llama : public LanguageModel {
 public:
  Llama(const LlamaConfig& config, LlamaWeights weights, std::vector<Hookpoint> hookpoints)
      : config_(config), weights_(std::move(weights)), hookpoints_(std::move(hookpoints)) {}

  int64_t d_model() const override { return config_.d_model; }
  int64_t layers() const override { return config_.layers; }
  int64_t vocabulary_size() const override { return config_.vocabulary_size; }
  int64_t context_length() const override { return 0; }
  at::ScalarType dtype() const override { return at::kFloat; }
  std::vector<at::Tensor> Forward(const at::Tensor& tokens) override;
  at::Tensor Logits(const at::Tensor& /*tokens*/) override { return {}; }
  at::Tensor CrossEntropy(const at::Tensor& /*tokens*/) override { return {}; }

 private:
  using Activations = std::vector<at::Tensor>;

  void Prepare(int64_t batch, int64_t sequence);
  void Normalize();
  at::Tensor Attention(const LlamaLayerWeights& layer);
  at::Tensor Mlp(const LlamaLayerWeights& layer);
  bool IsDeepest(const Hookpoint& hookpoint) const;
  void Capture(const Hookpoint& here, const at::Tensor& value, Activations& activations) const;

  const LlamaConfig config_;
  const LlamaWeights weights_;
  const std::vector<Hookpoint> hookpoints_;
  Workspace work_;
};

void Llama::Prepare(int64_t batch, int64_t sequence) {
  if (batch == work_.batch && sequence == work_.sequence) return;
  const at::TensorOptions options = weights_.embedding.options();
  const int64_t rows = batch * sequence;
  work_.batch = batch;
  work_.sequence = sequence;
  work_.turns = RotaryTurns(config_, sequence, options.device());
  work_.residual = at::empty({rows, config_.d_model}, options);
  work_.normed = at::empty({rows, config_.d_model}, options);
  work_.rms = at::empty({rows, 1}, options);
  work_.hidden = at::empty({rows, config_.d_mlp}, options);
}

// normed = residual / sqrt(mean(residual^2) + epsilon); the norm's weight is in the matrix that comes next.
void Llama::Normalize() {
  at::linalg_vector_norm_out(work_.rms, work_.residual, 2, at::IntArrayRef{-1}, /*keepdim=*/true);
  work_.rms.square_().div_(config_.d_model).add_(config_.rms_norm_epsilon).rsqrt_();
  at::mul_out(work_.normed, work_.residual, work_.rms);
}

// attention(norm(residual)): [rows, d_model]
at::Tensor Llama::Attention(const LlamaLayerWeights& layer) {
  const int64_t turned_heads = config_.heads + config_.kv_heads;
  Normalize();
  const at::Tensor heads = layer.attention_in(work_.normed)
                               .view({work_.batch, work_.sequence, turned_heads + config_.kv_heads, config_.d_head});
  const at::Tensor turned =
      heads.narrow(2, 0, turned_heads).view({work_.batch, work_.sequence, turned_heads, config_.d_head / 2, 2});
  at::view_as_complex(turned).mul_(work_.turns);
  const auto part = [&](int64_t first, int64_t count) { return heads.narrow(2, first, count).transpose(1, 2); };
  const at::Tensor attended = at::scaled_dot_product_attention(
      part(0, config_.heads), part(config_.heads, config_.kv_heads), part(turned_heads, config_.kv_heads),
      /*attn_mask=*/std::nullopt, /*dropout_p=*/0.0, /*is_causal=*/true, /*scale=*/std::nullopt,
      /*enable_gqa=*/config_.heads != config_.kv_heads);
  return layer.attention_out(attended.transpose(1, 2).reshape({-1, config_.heads * config_.d_head}));
}

// mlp(norm(residual)) with mlp(x) = (silu(x G) * (x U)) D: [rows, d_model]
at::Tensor Llama::Mlp(const LlamaLayerWeights& layer) {
  Normalize();
  const at::Tensor gate_up = layer.mlp_in(work_.normed);
  at::silu_out(work_.hidden, gate_up.narrow(1, 0, config_.d_mlp));
  work_.hidden.mul_(gate_up.narrow(1, config_.d_mlp, config_.d_mlp));
  return layer.mlp_out(work_.hidden);
}

bool Llama::IsDeepest(const Hookpoint& hookpoint) const {
  // In the order in which a layer reaches them.
  const auto depth = [](const Hookpoint& at) {
    const int within = at.site == HookSite::kAttention ? 0 : at.site == HookSite::kMlp ? 1 : 2;
    return std::make_pair(at.layer, within);
  };
  return std::all_of(hookpoints_.begin(), hookpoints_.end(),
                     [&](const Hookpoint& other) { return depth(other) <= depth(hookpoint); });
}

void Llama::Capture(const Hookpoint& here, const at::Tensor& value, Activations& activations) const {
  for (size_t i = 0; i < hookpoints_.size(); ++i) {
    if (hookpoints_[i] == here) activations[i] = value.clone();
  }
}

std::vector<at::Tensor> Llama::Forward(const at::Tensor& tokens) {
  const at::NoGradGuard no_grad;
  Prepare(tokens.size(0), tokens.size(1));
  Activations activations(hookpoints_.size());
  at::index_select_out(work_.residual, weights_.embedding, 0, tokens.reshape(-1).to(weights_.embedding.device()));
  for (size_t i = 0; i < weights_.layers.size(); ++i) {
    const int layer = static_cast<int>(i);
    const at::Tensor attention = Attention(weights_.layers[i]);
    Capture({layer, HookSite::kAttention}, attention, activations);
    if (IsDeepest({layer, HookSite::kAttention})) break;
    work_.residual.add_(attention);

    const at::Tensor mlp = Mlp(weights_.layers[i]);
    Capture({layer, HookSite::kMlp}, mlp, activations);
    if (IsDeepest({layer, HookSite::kMlp})) break;
    work_.residual.add_(mlp);
    Capture({layer, HookSite::kResidual}, work_.residual, activations);
  }
  return activations;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LanguageModel>> LoadLlama(const JsonObject& config, WeightLoader& weights,
                                                         const std::vector<Hookpoint>& hookpoints, at::Device device) {
  ASSIGN_OR_RETURN(const LlamaConfig parsed, ParseLlamaConfig(config));
  RETURN_IF_ERROR(CheckHookpoints(hookpoints, parsed.layers));
  int deepest = 0;
  for (const Hookpoint& hookpoint : hookpoints) deepest = std::max(deepest, hookpoint.layer);
  ASSIGN_OR_RETURN(LlamaWeights loaded, LoadLlamaWeights(parsed, deepest + 1, device, weights));
  return std::make_unique<Llama>(parsed, std::move(loaded), hookpoints);
}

}  // namespace seedbed
