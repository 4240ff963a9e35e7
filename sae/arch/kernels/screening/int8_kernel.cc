#include "sae/arch/kernels/screening/int8_kernel.h"

namespace seedbed {

bool HasAvx512Vnni() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}

const Int8Kernel& BestInt8Kernel() {
  static const bool has_vnni = HasAvx512Vnni();
  return has_vnni ? kInt8Avx512Vnni : kInt8Avx2;
}

}  // namespace seedbed
