#include "sae/arch/kernels/adam_row.h"

namespace seedbed {

AdamRowFunction BestAdamRow() {
  static const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return has_avx512 ? &AdamRowAvx512 : &AdamRowAvx2;
}

}  // namespace seedbed
