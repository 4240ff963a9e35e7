// A fixed matrix that many activations are multiplied with.
#ifndef SEEDBED_SAE_LM_LINEAR_H_
#define SEEDBED_SAE_LM_LINEAR_H_

#include "ATen/core/Tensor.h"

namespace seedbed {

// On a CPU the weight is held in oneDNN's blocked layout where this LibTorch has oneDNN: it uses AVX-512 on every
// maker's CPUs, while MKL's float32 product stays with AVX2 on AMD's. Thread-safe. Equal shapes, threads, CPU type and
// LibTorch give equal bytes.
class Linear {
 public:
  Linear() = default;
  // `weight`: float32 or bfloat16 [out, in], contiguous; its device is where products are computed. `bias`: of the same
  // type and device, [out], or undefined.
  explicit Linear(const at::Tensor& weight, const at::Tensor& bias = {});

  // x [rows, in], contiguous -> x weight^T + bias [rows, out], newly allocated.
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_;  // As given, or packed.
  at::Tensor bias_;
  bool packed_ = false;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_LINEAR_H_
