#include "sae/lm/attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

constexpr int64_t kHead = 8;

// By the definition, in float64: every score is computed, then hidden or not.
at::Tensor Reference(const AttentionOptions& options, const at::Tensor& projected) {
  const at::Tensor x = projected.to(at::kDouble).transpose(1, 2);
  const int64_t sequence = x.size(2);
  const int64_t repeats = options.heads / options.kv_heads;
  const at::Tensor queries = x.narrow(1, 0, options.heads);
  const at::Tensor keys = x.narrow(1, options.heads, options.kv_heads).repeat_interleave(repeats, 1);
  const at::Tensor values =
      x.narrow(1, options.heads + options.kv_heads, options.kv_heads).repeat_interleave(repeats, 1);
  at::Tensor scores = at::matmul(queries, keys.transpose(2, 3)) * options.scale;
  if (options.softcap > 0) scores = options.softcap * (scores / options.softcap).tanh();
  const at::Tensor distance = at::arange(sequence).unsqueeze(1) - at::arange(sequence).unsqueeze(0);
  at::Tensor hidden = distance < 0;
  if (options.window > 0) hidden = hidden.logical_or(distance >= options.window);
  scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1), values).transpose(1, 2).reshape({projected.size(0) * sequence, -1});
}

// Sequences shorter than, equal to and longer than a block of queries, and windows of every relation to both.
TEST(CausalAttention, EqualsItsDefinition) {
  for (const int64_t kv_heads : {1, 2}) {
    for (const int64_t sequence : {1, 7, 128, 200}) {
      for (const int64_t window : {0, 1, 5, 130, 200}) {
        for (const double softcap : {0.0, 1.5}) {
          const AttentionOptions options = {4, kv_heads, 0.4, softcap, window};
          const at::Tensor projected = at::randn({2, sequence, 4 + 2 * kv_heads, kHead});
          const at::Tensor found = CausalAttention(options, projected.clone());
          const at::Tensor expected = Reference(options, projected);
          ASSERT_EQ(found.sizes(), expected.sizes());
          EXPECT_TRUE(found.is_contiguous());
          EXPECT_LT(RelativeError(found, expected), 1e-6)
              << "kv_heads " << kv_heads << " sequence " << sequence << " window " << window << " softcap " << softcap;
        }
      }
    }
  }
}

TEST(CausalAttention, ComputesInBfloat16) {
  for (const AttentionOptions& options : {AttentionOptions{4, 2, 0.4, 0, 0}, {4, 2, 0.4, 1.5, 0}, {4, 2, 0.4, 0, 20}}) {
    const at::Tensor projected = at::randn({2, 50, 8, kHead}).to(at::kBFloat16);
    const at::Tensor found = CausalAttention(options, projected);
    EXPECT_EQ(found.scalar_type(), at::kBFloat16);
    EXPECT_LT(RelativeError(found, Reference(options, projected)), 2e-2);
  }
}

}  // namespace
}  // namespace seedbed
