// Products of float32 matrices on the CPU.
#ifndef SEEDBED_SAE_ARCH_CPU_MATRIX_PRODUCT_H_
#define SEEDBED_SAE_ARCH_CPU_MATRIX_PRODUCT_H_

#include "ATen/core/Tensor.h"

namespace seedbed {

// a b, where either may be the transpose of a contiguous matrix. By oneDNN where LibTorch has it, which uses every
// processor's vectors; MKL keeps to AVX2 on AMD's.
at::Tensor MatrixProduct(const at::Tensor& a, const at::Tensor& b);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_MATRIX_PRODUCT_H_
