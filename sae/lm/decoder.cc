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
#include "sae/lm/attention.h"
#include "sae/lm/captures.h"
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

constexpr Hookpoint kEmbeddings = {0, HookSite::kEmbeddings};

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

// A block's rows within a layer, as far as they are computed. All are [rows, d_model].
struct LayerRows {
  at::Tensor residual;  // In the workspace, as is `normed`.
  at::Tensor normed;
  at::Tensor attention;
  at::Tensor mlp_input;  // Where it is wanted or replaced.
  at::Tensor mlp;

  // What is at `site`; that of the embeddings is the residual stream.
  at::Tensor& At(HookSite site) {
    switch (site) {
      case HookSite::kAttention:
        return attention;
      case HookSite::kMlpInput:
        return mlp_input;
      case HookSite::kMlp:
        return mlp;
      default:
        return residual;
    }
  }
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
  std::unique_ptr<PausedForward> PauseAt(const at::Tensor& tokens, const std::vector<Hookpoint>& hookpoints) override;

 private:
  class Paused;

  at::TensorOptions Options() const { return weights_.embedding.options(); }
  void Prepare(int64_t batch, int64_t sequence);
  LayerRows RowsOf(const Block& block) const;
  void Embed(const at::Tensor& tokens, Captures& captures);
  // From the embeddings to `last`, in this order of the model. Calls reached(rows) for each block that has come to it.
  void Run(
      const at::Tensor& tokens, const Hookpoint& last, Captures& captures,
      absl::FunctionRef<void(const LayerRows&)> reached = [](const LayerRows&) {});
  // Layers [begin, end).
  void RunLayers(int begin, int end, Captures& captures);
  // From `begin`, whose value is in `rows`, to `last` or the end of the layer. A layer begins with the embeddings.
  void RunLayer(int layer, HookSite begin, const Hookpoint& last, const Block& block, LayerRows& rows,
                Captures& captures);
  at::Tensor Attention(int layer, const Block& block, const at::Tensor& normed) const;
  at::Tensor Mlp(int layer, const at::Tensor& projected) const;
  void Standardize(const at::Tensor& x, const at::Tensor& out) const;
  void AddToResidual(const NormWeights& post_norm, const at::Tensor& update, const at::Tensor& residual) const;
  // Of a pass that has come to the last layer's end: calls visit(first row, logits [rows, vocabulary_size] in float32)
  // block by block.
  void ForEachLogits(absl::FunctionRef<void(int64_t, const at::Tensor&)> visit) const;
  at::Tensor Losses(const at::Tensor& tokens) const;

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

LayerRows Decoder::RowsOf(const Block& block) const {
  LayerRows rows;
  rows.residual = work_.residual.narrow(0, block.first_row, block.rows);
  rows.normed = work_.normed.narrow(0, 0, block.rows);
  return rows;
}

void Decoder::Embed(const at::Tensor& tokens, Captures& captures) {
  at::index_select_out(work_.residual, weights_.embedding, 0, tokens.reshape(-1).to(weights_.embedding.device()));
  if (config_.embedding_scale != 1) work_.residual.mul_(at::scalar_tensor(config_.embedding_scale, Options()));
  if (config_.learned_positions) {
    work_.residual.view({work_.batch, work_.sequence, -1}).add_(weights_.positions.narrow(0, 0, work_.sequence));
  }
  captures.Visit(kEmbeddings, 0, work_.residual);
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

void Decoder::RunLayer(int layer, HookSite begin, const Hookpoint& last, const Block& block, LayerRows& rows,
                       Captures& captures) {
  const DecoderLayer& weights = weights_.layers[static_cast<size_t>(layer)];
  const auto reaches_last = [&](HookSite site) {
    captures.Visit({layer, site}, block.first_row, rows.At(site));
    return Hookpoint{layer, site} == last;
  };

  if (begin < HookSite::kAttention) {
    Standardize(rows.residual, rows.normed);
    rows.attention = Attention(layer, block, rows.normed);
    if (reaches_last(HookSite::kAttention)) return;
  }
  if (begin < HookSite::kResidualMiddle && !config_.parallel_residual) {
    AddToResidual(weights.attention_post_norm, rows.attention, rows.residual);
    if (reaches_last(HookSite::kResidualMiddle)) return;
  }
  if (begin < HookSite::kMlpInput) {
    if (!config_.parallel_residual) Standardize(rows.residual, rows.normed);
    if (captures.Wants({layer, HookSite::kMlpInput})) {
      rows.mlp_input = ScaleAndShift(weights.mlp_norm, rows.normed);
      if (reaches_last(HookSite::kMlpInput)) return;
    }
  }
  if (begin < HookSite::kMlp) {
    const bool is_replaced = begin == HookSite::kMlpInput;
    rows.mlp = Mlp(layer, is_replaced ? weights.mlp_in_without_norm(rows.mlp_input) : weights.mlp_in(rows.normed));
    if (reaches_last(HookSite::kMlp)) return;
  }
  if (begin == HookSite::kResidual) return;
  if (config_.parallel_residual) AddToResidual(weights.attention_post_norm, rows.attention, rows.residual);
  AddToResidual(weights.mlp_post_norm, rows.mlp, rows.residual);
  captures.Visit({layer, HookSite::kResidual}, block.first_row, rows.residual);
}

void Decoder::RunLayers(int begin, int end, Captures& captures) {
  for (int layer = begin; layer < end; ++layer) {
    for (const Block& block : work_.blocks) {
      LayerRows rows = RowsOf(block);
      RunLayer(layer, HookSite::kEmbeddings, last_layer_, block, rows, captures);
    }
  }
}

void Decoder::Run(const at::Tensor& tokens, const Hookpoint& last, Captures& captures,
                  absl::FunctionRef<void(const LayerRows&)> reached) {
  Prepare(tokens.size(0), tokens.size(1));
  Embed(tokens, captures);
  if (last == kEmbeddings) return;
  RunLayers(0, last.layer, captures);
  for (const Block& block : work_.blocks) {
    LayerRows rows = RowsOf(block);
    RunLayer(last.layer, HookSite::kEmbeddings, last, block, rows, captures);
    reached(rows);
  }
}

std::vector<at::Tensor> Decoder::Forward(const at::Tensor& tokens) {
  const at::NoGradGuard no_grad;
  Captures captures(hookpoints_, tokens.numel(), config_.d_model, Options());
  if (!hookpoints_.empty()) Run(tokens, *std::max_element(hookpoints_.begin(), hookpoints_.end()), captures);
  return captures.Take();
}

void Decoder::ForEachLogits(absl::FunctionRef<void(int64_t, const at::Tensor&)> visit) const {
  constexpr int64_t kRows = 128;
  const int64_t all = work_.residual.size(0);
  for (int64_t first = 0; first < all; first += kRows) {
    const at::Tensor rows = work_.residual.narrow(0, first, std::min(kRows, all - first));
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
  Captures nothing;
  Run(tokens, last_layer_, nothing);
  ForEachLogits(
      [&all](int64_t first, const at::Tensor& logits) { all.narrow(0, first, logits.size(0)).copy_(logits); });
  return all.view({tokens.size(0), tokens.size(1), config_.vocabulary_size});
}

at::Tensor Decoder::Losses(const at::Tensor& tokens) const {
  const int64_t predicted = tokens.size(1) - 1;
  // The last position of a sequence predicts nothing; its row is computed with target 0 and left out.
  at::Tensor targets = at::zeros_like(tokens);
  targets.narrow(1, 0, predicted).copy_(tokens.narrow(1, 1, predicted));
  targets = targets.reshape({-1, 1}).to(Options().device());
  const at::Tensor losses = at::empty({tokens.numel()}, Options().dtype(at::kFloat));
  ForEachLogits([&](int64_t first, const at::Tensor& logits) {
    const int64_t rows = logits.size(0);
    const at::Tensor of_targets = logits.gather(1, targets.narrow(0, first, rows)).squeeze(1);
    losses.narrow(0, first, rows).copy_(at::logsumexp(logits, 1) - of_targets);
  });
  return losses.view(tokens.sizes()).narrow(1, 0, predicted).contiguous();
}

at::Tensor Decoder::CrossEntropy(const at::Tensor& tokens) {
  const at::NoGradGuard no_grad;
  Captures nothing;
  Run(tokens, last_layer_, nothing);
  return Losses(tokens);
}

// Keeps what only this pass knows; the workspace is the decoder's.
class Decoder::Paused final : public PausedForward {
 public:
  Paused(Decoder* decoder, at::Tensor tokens, const Hookpoint& here)
      : decoder_(*decoder), tokens_(std::move(tokens)), here_(here) {}

  const std::vector<at::Tensor>& activations() const override { return activations_; }
  at::Tensor CrossEntropyWith(const at::Tensor& replaced) override;

  void RunTo(Captures& captures);
  void SetActivations(std::vector<at::Tensor> activations) { activations_ = std::move(activations); }

 private:
  bool IsAtResidual() const {
    return here_.site != HookSite::kAttention && here_.site != HookSite::kMlpInput && here_.site != HookSite::kMlp;
  }
  // What the rest of the layer needs besides the value that is replaced.
  LayerRows Kept(const LayerRows& rows) const;
  LayerRows Restored(const LayerRows& kept, const Block& block) const;

  Decoder& decoder_;
  const at::Tensor tokens_;
  const Hookpoint here_;
  std::vector<at::Tensor> activations_;
  std::vector<LayerRows> kept_;  // By block.
};

LayerRows Decoder::Paused::Kept(const LayerRows& rows) const {
  LayerRows kept;
  if (IsAtResidual()) return kept;
  kept.residual = rows.residual.clone();
  if (!decoder_.config_.parallel_residual) return kept;
  if (here_.site == HookSite::kAttention) {
    kept.normed = rows.normed.clone();
  } else {
    kept.attention = rows.attention;
  }
  return kept;
}

LayerRows Decoder::Paused::Restored(const LayerRows& kept, const Block& block) const {
  LayerRows rows = decoder_.RowsOf(block);
  if (kept.residual.defined()) rows.residual.copy_(kept.residual);
  if (kept.normed.defined()) rows.normed.copy_(kept.normed);
  if (kept.attention.defined()) rows.attention = kept.attention.clone();  // The norm that follows is in place.
  return rows;
}

void Decoder::Paused::RunTo(Captures& captures) {
  decoder_.Run(tokens_, here_, captures, [this](const LayerRows& rows) { kept_.push_back(Kept(rows)); });
}

at::Tensor Decoder::Paused::CrossEntropyWith(const at::Tensor& replaced) {
  const at::NoGradGuard no_grad;
  decoder_.Prepare(tokens_.size(0), tokens_.size(1));
  Captures nothing;
  for (size_t i = 0; i < decoder_.work_.blocks.size(); ++i) {
    const Block& block = decoder_.work_.blocks[i];
    LayerRows rows = here_ == kEmbeddings ? decoder_.RowsOf(block) : Restored(kept_[i], block);
    const at::Tensor value = replaced.narrow(0, block.first_row, block.rows);
    if (IsAtResidual()) {
      rows.residual.copy_(value);
    } else {
      rows.At(here_.site) = value.to(decoder_.dtype(), /*non_blocking=*/false, /*copy=*/true);
    }
    decoder_.RunLayer(here_.layer, here_.site, decoder_.last_layer_, block, rows, nothing);
  }
  decoder_.RunLayers(here_.layer + 1, static_cast<int>(decoder_.config_.layers), nothing);
  return decoder_.Losses(tokens_);
}

std::unique_ptr<PausedForward> Decoder::PauseAt(const at::Tensor& tokens, const std::vector<Hookpoint>& hookpoints) {
  const at::NoGradGuard no_grad;
  auto paused = std::make_unique<Paused>(this, tokens, *std::max_element(hookpoints.begin(), hookpoints.end()));
  Captures captures(hookpoints, tokens.numel(), config_.d_model, Options());
  paused->RunTo(captures);
  paused->SetActivations(captures.Take());
  return paused;
}

}  // namespace

std::unique_ptr<LanguageModel> MakeDecoder(const DecoderConfig& config, DecoderWeights weights,
                                           std::vector<Hookpoint> hookpoints) {
  return std::make_unique<Decoder>(config, std::move(weights), std::move(hookpoints));
}

}  // namespace seedbed
