#include "sae/lm/attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "sae/lm/attention_kernel.h"
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

// The one that this CPU would not choose too. Heads of a width that no vector divides.
TEST(AttentionKernel, EqualsTheDefinitionOnEveryCpuThatHasIt) {
  std::vector<const AttentionKernel*> kernels = {&kAttentionAvx2};
  if (&BestAttentionKernel() == &kAttentionAvx512) kernels.push_back(&kAttentionAvx512);
  for (const AttentionKernel* kernel : kernels) {
    for (const AttentionOptions& options :
         {AttentionOptions{1, 1, 0.3, 0, 0}, {1, 1, 0.3, 2, 0}, {1, 1, 0.3, 0, 30}, {1, 1, 0.3, 2, 30}}) {
      const at::Tensor projected = at::randn({1, 131, 3, 11});
      const float* rows = projected.const_data_ptr<float>();
      at::Tensor out = at::empty({131, 11});
      const AttentionHead head = {rows,
                                  rows + 11,
                                  rows + 22,
                                  33,
                                  out.data_ptr<float>(),
                                  11,
                                  131,
                                  11,
                                  0.3f,
                                  static_cast<float>(options.softcap),
                                  options.window};
      std::vector<float> scratch(static_cast<size_t>(kernel->ScratchFloats(head)));
      for (int64_t first = 0; first < 131; first += kernel->queries) kernel->attend(head, first, scratch.data());
      EXPECT_LT(RelativeError(out, Reference(options, projected)), 1e-6) << kernel->queries;
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
