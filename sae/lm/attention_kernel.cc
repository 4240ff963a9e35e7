#include "sae/lm/attention_kernel.h"

namespace seedbed {

const AttentionKernel& BestAttentionKernel() {
  static const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return has_avx512 ? kAttentionAvx512 : kAttentionAvx2;
}

}  // namespace seedbed
