// Causal attention of one head in float32, for a block of queries at once. Knows no LibTorch.
#ifndef SEEDBED_SAE_LM_ATTENTION_KERNEL_H_
#define SEEDBED_SAE_LM_ATTENTION_KERNEL_H_

#include <cstdint>

namespace seedbed {

// Of one sequence. Position i of queries, keys and values is `stride` floats after position i - 1; d_head floats each.
struct AttentionHead {
  const float* queries = nullptr;
  const float* keys = nullptr;
  const float* values = nullptr;
  int64_t stride = 0;
  float* out = nullptr;
  int64_t out_stride = 0;
  int64_t sequence = 0;
  int64_t d_head = 0;
  float scale = 1;  // As in AttentionOptions, like the next two.
  float softcap = 0;
  int64_t window = 0;
};

// One for each kind of CPU; the bytes of a position depend on the kernel and on the head alone.
struct AttentionKernel {
  int64_t queries = 0;  // In a block.

  // Queries [first, first + queries) of the head, as far as there are so many. `scratch`: ScratchFloats().
  void (*attend)(const AttentionHead& head, int64_t first, float* scratch) = nullptr;

  int64_t ScratchFloats(const AttentionHead& head) const { return queries * (head.sequence + 2 * head.d_head); }
};

// Chosen by what the CPU has: AVX-512, or AVX2.
const AttentionKernel& BestAttentionKernel();

extern const AttentionKernel kAttentionAvx2;
extern const AttentionKernel kAttentionAvx512;

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_ATTENTION_KERNEL_H_
