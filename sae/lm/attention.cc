#include "sae/lm/attention.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "sae/lm/attention_kernel.h"

namespace seedbed {
namespace {

// [batch, count, sequence, d_head]
at::Tensor HeadsOf(const at::Tensor& projected, int64_t first, int64_t count) {
  return projected.narrow(2, first, count).transpose(1, 2);
}

// True where the query at `first_query` + row must not see the key at `first_key` + column.
at::Tensor HiddenKeys(int64_t first_query, int64_t queries, int64_t first_key, int64_t keys, int64_t window,
                      at::Device device) {
  const auto positions = at::TensorOptions(at::kLong).device(device);
  const at::Tensor query = at::arange(first_query, first_query + queries, positions).unsqueeze(1);
  const at::Tensor key = at::arange(first_key, first_key + keys, positions).unsqueeze(0);
  const at::Tensor is_later = key > query;
  return window == 0 ? is_later : is_later.logical_or(key <= query - window);
}

// By the kernel of attention_kernel.h. projected: float32 on the CPU.
at::Tensor KernelAttention(const AttentionOptions& options, const at::Tensor& projected) {
  const AttentionKernel& kernel = BestAttentionKernel();
  const int64_t sequence = projected.size(1);
  const int64_t d_head = projected.size(3);
  const int64_t stride = projected.stride(1);
  const int64_t blocks = (sequence + kernel.queries - 1) / kernel.queries;
  const at::Tensor attended = at::empty({projected.size(0) * sequence, options.heads * d_head}, projected.options());
  const float* from = projected.const_data_ptr<float>();
  float* to = attended.data_ptr<float>();
  const auto head_of = [&](int64_t batch, int64_t head) {
    const float* rows = from + batch * sequence * stride;
    const int64_t kv_head = options.heads + head / (options.heads / options.kv_heads);
    return AttentionHead{rows + head * d_head,
                         rows + kv_head * d_head,
                         rows + (kv_head + options.kv_heads) * d_head,
                         stride,
                         to + batch * sequence * attended.stride(0) + head * d_head,
                         attended.stride(0),
                         sequence,
                         d_head,
                         static_cast<float>(options.scale),
                         static_cast<float>(options.softcap),
                         options.window};
  };
  at::parallel_for(0, projected.size(0) * options.heads * blocks, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(static_cast<size_t>(kernel.ScratchFloats(head_of(0, 0))));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / blocks;
      kernel.attend(head_of(head / options.heads, head % options.heads), i % blocks * kernel.queries, scratch.data());
    }
  });
  return attended;
}

// What LibTorch's fused attention has not: soft-capped scores, and windows without the work of the scores outside them.
class BlockedAttention {
 public:
  BlockedAttention(const AttentionOptions& options, const at::Tensor& projected)
      : options_(options),
        batch_(projected.size(0)),
        sequence_(projected.size(1)),
        d_head_(projected.size(3)),
        queries_(HeadsOf(projected, 0, options.heads)),
        keys_(Flat(projected, options.heads)),
        values_(Flat(projected, options.heads + options.kv_heads)),
        attended_(at::empty({batch_, sequence_, options.heads, d_head_}, projected.options())) {}

  at::Tensor Run() {
    constexpr int64_t kQueries = 128;
    for (int64_t first = 0; first < sequence_; first += kQueries) {
      AttendBlock(first, std::min(kQueries, sequence_ - first));
    }
    return attended_.view({batch_ * sequence_, options_.heads * d_head_});
  }

 private:
  // [batch * kv_heads, sequence, d_head]
  at::Tensor Flat(const at::Tensor& projected, int64_t first) const {
    return HeadsOf(projected, first, options_.kv_heads).reshape({batch_ * options_.kv_heads, sequence_, d_head_});
  }

  void AttendBlock(int64_t first, int64_t count) {
    const int64_t groups = batch_ * options_.kv_heads;
    const int64_t queries_of_a_key = options_.heads / options_.kv_heads * count;
    const int64_t first_key = options_.window == 0 ? 0 : std::max<int64_t>(0, first - options_.window + 1);
    const int64_t keys = first + count - first_key;
    const at::Tensor queries = queries_.narrow(2, first, count).reshape({groups, queries_of_a_key, d_head_});
    const at::Tensor scores = at::bmm(queries, keys_.narrow(1, first_key, keys).transpose(1, 2)).mul_(options_.scale);
    if (options_.softcap > 0) scores.div_(options_.softcap).tanh_().mul_(options_.softcap);
    scores.view({-1, count, keys})
        .masked_fill_(HiddenKeys(first, count, first_key, keys, options_.window, scores.device()),
                      -std::numeric_limits<double>::infinity());
    const at::Tensor weights = at::softmax(scores, -1, at::kFloat).to(scores.scalar_type());
    const at::Tensor attended = at::bmm(weights, values_.narrow(1, first_key, keys));
    attended_.narrow(1, first, count).copy_(attended.view({batch_, options_.heads, count, d_head_}).transpose(1, 2));
  }

  const AttentionOptions& options_;
  int64_t batch_;
  int64_t sequence_;
  int64_t d_head_;
  at::Tensor queries_;   // [batch, heads, sequence, d_head]
  at::Tensor keys_;      // [batch * kv_heads, sequence, d_head]
  at::Tensor values_;    // As keys_.
  at::Tensor attended_;  // [batch, sequence, heads, d_head]
};

}  // namespace

at::Tensor CausalAttention(const AttentionOptions& options, const at::Tensor& projected) {
  if (projected.is_cpu() && projected.scalar_type() == at::kFloat) return KernelAttention(options, projected);
  const int64_t sequence = projected.size(1);
  const bool sees_all = options.window == 0 || options.window >= sequence;
  if (options.softcap > 0 || !sees_all) return BlockedAttention(options, projected).Run();
  const at::Tensor attended = at::scaled_dot_product_attention(
      HeadsOf(projected, 0, options.heads), HeadsOf(projected, options.heads, options.kv_heads),
      HeadsOf(projected, options.heads + options.kv_heads, options.kv_heads),
      /*attn_mask=*/std::nullopt, /*dropout_p=*/0.0, /*is_causal=*/true, options.scale,
      /*enable_gqa=*/options.heads != options.kv_heads);
  return attended.transpose(1, 2).reshape({projected.size(0) * sequence, -1});
}

}  // namespace seedbed
