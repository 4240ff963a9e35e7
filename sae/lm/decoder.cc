#include "sae/lm/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <utility>

#include "absl/functional/function_ref.h"
#include "sae/lm/activation_visitor.h"
#include "sae/lm/attention.h"
#include "sae/lm/captures.h"
#include "sae/lm/replacement.h"
#include "sae/lm/rotary.h"
#include "sae/lm/row_operations.h"

namespace seedbed {
namespace {

// Whole sequences that pass a layer together. rows = sequences * sequence.
struct Block {
  int64_t sequences = 0;
  int64_t first_row = 0;
  int64_t rows = 0;
};

// What is kept for one shape of tokens and used again by every layer and call.
struct Workspace {
  int64_t batch = 0;
  int64_t sequence = 0;
  std::vector<Block> blocks;
  at::Tensor turns;     // Of the rotary embedding.
  at::Tensor residual;  // [batch * sequence, d_model]
  at::Tensor normed;    // [rows of the largest block, d_model]
  at::Tensor hidden;    // [rows of the largest block, d_mlp]
};

// On a CPU a block's activations stay in its caches from one operation to the next; a GPU wants all work at once.
std::vector<Block> BlocksOf(int64_t batch, int64_t sequence, bool is_cpu) {
  constexpr int64_t kRows = 512;
  const int64_t together = is_cpu ? std::max<int64_t>(1, kRows / sequence) : batch;
  std::vector<Block> blocks;
  for (int64_t first = 0; first < batch; first += together) {
    const int64_t sequences = std::min(together, batch - first);
    blocks.push_back({sequences, first * sequence, sequences * sequence});
  }
  return blocks;
}

// Of a pass that is asked for no activations.
class NoVisitor final : public ActivationVisitor {
 public:
  bool Wants(const Hookpoint& /*here*/) const override { return false; }
  bool replaces() const override { return false; }
  void Visit(const Hookpoint& /*here*/, int64_t /*first*/, const at::Tensor& /*value*/) override {}
};

class Decoder final : public LanguageModel {
 public:
  Decoder(const DecoderConfig& config, DecoderWeights weights, std::vector<Hookpoint> hookpoints)
      : config_(config),
        weights_(std::move(weights)),
        hookpoints_(std::move(hookpoints)),
        last_layer_({static_cast<int>(config.layers) - 1, HookSite::kResidual}) {}

  int64_t d_model() const override { return config_.d_model; }
  int64_t layers() const override { return config_.layers; }
  int64_t vocabulary_size() const override { return config_.vocabulary_size; }
  int64_t context_length() const override { return config_.context_length; }
  at::ScalarType dtype() const override { return weights_.embedding.scalar_type(); }
  const std::vector<Hookpoint>& hookpoints() const override { return hookpoints_; }

  std::vector<at::Tensor> Forward(const at::Tensor& tokens) override;
  at::Tensor Logits(const at::Tensor& tokens) override;
  at::Tensor CrossEntropy(const at::Tensor& tokens) override;
  at::Tensor CrossEntropyWith(const at::Tensor& tokens, const Hookpoint& hookpoint, ReplaceRows replace) override;

 private:
  at::TensorOptions Options() const { return weights_.embedding.options(); }
  void Prepare(int64_t batch, int64_t sequence);
  void Embed(const at::Tensor& tokens);
  // From the embeddings to `last`, in this order of the model.
  void Run(const at::Tensor& tokens, const Hookpoint& last, ActivationVisitor& visitor);
  void RunLayer(int layer, const Block& block, const Hookpoint& last, ActivationVisitor& visitor);
  at::Tensor Attention(int layer, const Block& block, const at::Tensor& normed) const;
  at::Tensor Mlp(int layer, const at::Tensor& projected) const;
  void Standardize(const at::Tensor& x, const at::Tensor& out) const;
  void AddToResidual(const NormWeights& post_norm, const at::Tensor& update, const at::Tensor& residual) const;
  // Runs the whole model and calls visit(first row, logits [rows, vocabulary_size] in float32) block by block.
  void ForEachLogits(const at::Tensor& tokens, ActivationVisitor& visitor,
                     absl::FunctionRef<void(int64_t, const at::Tensor&)> visit);
  at::Tensor Losses(const at::Tensor& tokens, ActivationVisitor& visitor);

  const DecoderConfig config_;
  const DecoderWeights weights_;
  const std::vector<Hookpoint> hookpoints_;
  const Hookpoint last_layer_;
  Workspace work_;
};

void Decoder::Prepare(int64_t batch, int64_t sequence) {
  if (batch == work_.batch && sequence == work_.sequence) return;
  const at::TensorOptions options = Options();
  work_.batch = batch;
  work_.sequence = sequence;
  work_.blocks = BlocksOf(batch, sequence, options.device().is_cpu());
  const int64_t largest = work_.blocks.front().rows;
  if (config_.rotary.dimensions > 0) work_.turns = RotaryTurns(config_.rotary, sequence, options.device());
  work_.residual = at::empty({batch * sequence, config_.d_model}, options);
  work_.normed = at::empty({largest, config_.d_model}, options);
  work_.hidden = at::empty({largest, config_.d_mlp}, options);
}

void Decoder::Embed(const at::Tensor& tokens) {
  at::index_select_out(work_.residual, weights_.embedding, 0, tokens.reshape(-1).to(weights_.embedding.device()));
  if (config_.embedding_scale != 1) work_.residual.mul_(at::scalar_tensor(config_.embedding_scale, Options()));
  if (config_.learned_positions) {
    work_.residual.view({work_.batch, work_.sequence, -1}).add_(weights_.positions.narrow(0, 0, work_.sequence));
  }
}

// The weight and bias of the norm are in the matrix that comes next.
void Decoder::Standardize(const at::Tensor& x, const at::Tensor& out) const {
  Normalize(config_.norm, config_.norm_epsilon, NormWeights(), x, out);
}

void Decoder::AddToResidual(const NormWeights& post_norm, const at::Tensor& update, const at::Tensor& residual) const {
  if (config_.post_norms) Normalize(config_.norm, config_.norm_epsilon, post_norm, update, update);
  residual.add_(update);
}

// attention(normed): [rows, d_model]
at::Tensor Decoder::Attention(int layer, const Block& block, const at::Tensor& normed) const {
  const DecoderLayer& weights = weights_.layers[static_cast<size_t>(layer)];
  const at::Tensor projected = weights.attention_in(normed).view({block.sequences, work_.sequence, -1, config_.d_head});
  if (config_.head_norms) {
    const at::Tensor queries = projected.narrow(2, 0, config_.heads);
    const at::Tensor keys = projected.narrow(2, config_.heads, config_.kv_heads);
    Normalize(NormKind::kRms, config_.norm_epsilon, weights.query_norm, queries, queries);
    Normalize(NormKind::kRms, config_.norm_epsilon, weights.key_norm, keys, keys);
  }
  if (work_.turns.defined()) TurnPairs(work_.turns, projected.narrow(2, 0, config_.heads + config_.kv_heads));
  const AttentionOptions options = {config_.heads, config_.kv_heads, config_.attention_scale, config_.attention_softcap,
                                    config_.windows[static_cast<size_t>(layer)]};
  return weights.attention_out(CausalAttention(options, projected));
}

// What the MLP makes of mlp_in's output: [rows, d_model]
at::Tensor Decoder::Mlp(int layer, const at::Tensor& projected) const {
  const DecoderLayer& weights = weights_.layers[static_cast<size_t>(layer)];
  if (!config_.gated_mlp) {
    Activate(config_.activation, projected);
    return weights.mlp_out(projected);
  }
  const at::Tensor hidden = work_.hidden.narrow(0, 0, projected.size(0));
  ActivateGated(config_.activation, projected, hidden);
  return weights.mlp_out(hidden);
}

void Decoder::RunLayer(int layer, const Block& block, const Hookpoint& last, ActivationVisitor& visitor) {
  const DecoderLayer& weights = weights_.layers[static_cast<size_t>(layer)];
  const at::Tensor residual = work_.residual.narrow(0, block.first_row, block.rows);
  const at::Tensor normed = work_.normed.narrow(0, 0, block.rows);
  const auto reaches_last = [&](HookSite site, const at::Tensor& value) {
    visitor.Visit({layer, site}, block.first_row, value);
    return Hookpoint{layer, site} == last;
  };

  Standardize(residual, normed);
  const at::Tensor attention = Attention(layer, block, normed);
  if (reaches_last(HookSite::kAttention, attention)) return;
  if (!config_.parallel_residual) {
    AddToResidual(weights.attention_post_norm, attention, residual);
    if (reaches_last(HookSite::kResidualMiddle, residual)) return;
    Standardize(residual, normed);
  }
  at::Tensor projected;
  if (visitor.Wants({layer, HookSite::kMlpInput})) {
    const at::Tensor input = ScaleAndShift(weights.mlp_norm, normed);
    if (reaches_last(HookSite::kMlpInput, input)) return;
    if (visitor.replaces()) projected = weights.mlp_in_without_norm(input);
  }
  if (!projected.defined()) projected = weights.mlp_in(normed);
  const at::Tensor mlp = Mlp(layer, projected);
  if (reaches_last(HookSite::kMlp, mlp)) return;
  if (config_.parallel_residual) AddToResidual(weights.attention_post_norm, attention, residual);
  AddToResidual(weights.mlp_post_norm, mlp, residual);
  visitor.Visit({layer, HookSite::kResidual}, block.first_row, residual);
}

void Decoder::Run(const at::Tensor& tokens, const Hookpoint& last, ActivationVisitor& visitor) {
  Prepare(tokens.size(0), tokens.size(1));
  Embed(tokens);
  const Hookpoint embeddings = {0, HookSite::kEmbeddings};
  visitor.Visit(embeddings, 0, work_.residual);
  if (last == embeddings) return;
  for (int layer = 0; layer <= last.layer; ++layer) {
    for (const Block& block : work_.blocks) RunLayer(layer, block, last, visitor);
  }
}

std::vector<at::Tensor> Decoder::Forward(const at::Tensor& tokens) {
  const at::NoGradGuard no_grad;
  Captures captures(hookpoints_, tokens.numel(), config_.d_model, Options());
  if (!hookpoints_.empty()) Run(tokens, *std::max_element(hookpoints_.begin(), hookpoints_.end()), captures);
  return captures.Take();
}

void Decoder::ForEachLogits(const at::Tensor& tokens, ActivationVisitor& visitor,
                            absl::FunctionRef<void(int64_t, const at::Tensor&)> visit) {
  constexpr int64_t kRows = 128;
  Run(tokens, last_layer_, visitor);
  for (int64_t first = 0; first < tokens.numel(); first += kRows) {
    const at::Tensor rows = work_.residual.narrow(0, first, std::min(kRows, tokens.numel() - first));
    const at::Tensor normed = at::empty_like(rows);
    Standardize(rows, normed);
    const at::Tensor logits = weights_.head(normed).to(at::kFloat);
    SoftCap(config_.logit_softcap, logits);
    visit(first, logits);
  }
}

at::Tensor Decoder::Logits(const at::Tensor& tokens) {
  const at::NoGradGuard no_grad;
  at::Tensor all = at::empty({tokens.numel(), config_.vocabulary_size}, Options().dtype(at::kFloat));
  NoVisitor nothing;
  ForEachLogits(tokens, nothing, [&all](int64_t first, const at::Tensor& logits) {
    all.narrow(0, first, logits.size(0)).copy_(logits);
  });
  return all.view({tokens.size(0), tokens.size(1), config_.vocabulary_size});
}

at::Tensor Decoder::Losses(const at::Tensor& tokens, ActivationVisitor& visitor) {
  const int64_t predicted = tokens.size(1) - 1;
  // The last position of a sequence predicts nothing; its row is computed with target 0 and left out.
  at::Tensor targets = at::zeros_like(tokens);
  targets.narrow(1, 0, predicted).copy_(tokens.narrow(1, 1, predicted));
  targets = targets.reshape({-1, 1}).to(Options().device());
  const at::Tensor losses = at::empty({tokens.numel()}, Options().dtype(at::kFloat));
  ForEachLogits(tokens, visitor, [&](int64_t first, const at::Tensor& logits) {
    const int64_t rows = logits.size(0);
    const at::Tensor of_targets = logits.gather(1, targets.narrow(0, first, rows)).squeeze(1);
    losses.narrow(0, first, rows).copy_(at::logsumexp(logits, 1) - of_targets);
  });
  return losses.view(tokens.sizes()).narrow(1, 0, predicted).contiguous();
}

at::Tensor Decoder::CrossEntropy(const at::Tensor& tokens) {
  const at::NoGradGuard no_grad;
  NoVisitor nothing;
  return Losses(tokens, nothing);
}

at::Tensor Decoder::CrossEntropyWith(const at::Tensor& tokens, const Hookpoint& hookpoint, ReplaceRows replace) {
  const at::NoGradGuard no_grad;
  Replacement replacement(hookpoint, replace);
  return Losses(tokens, replacement);
}

}  // namespace

std::unique_ptr<LanguageModel> MakeDecoder(const DecoderConfig& config, DecoderWeights weights,
                                           std::vector<Hookpoint> hookpoints) {
  return std::make_unique<Decoder>(config, std::move(weights), std::move(hookpoints));
}

}  // namespace seedbed
