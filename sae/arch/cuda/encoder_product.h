// The encoder's dense product on a GPU, by cuBLASLt.
#ifndef SEEDBED_SAE_ARCH_CUDA_ENCODER_PRODUCT_H_
#define SEEDBED_SAE_ARCH_CUDA_ENCODER_PRODUCT_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <utility>

#include "ATen/core/Tensor.h"
#include "sae/arch/sae_config.h"

namespace seedbed {

// Sums in float32, whatever it reads: float32 for kFloat32 and kTf32, bfloat16 for kBfloat16. The same bytes for equal
// shapes on the same GPU and cuBLAS. Not thread-safe; one stream at a time. c10::Error where cuBLASLt fails.
class EncoderProduct {
 public:
  // Of rows of `width` elements.
  EncoderProduct(ComputeType compute, int64_t width, at::Device device);
  ~EncoderProduct();
  EncoderProduct(const EncoderProduct&) = delete;
  EncoderProduct& operator=(const EncoderProduct&) = delete;

  // product [rows, latents] = input [rows, width] encoder [latents, width]^T, all packed, at multiples of 256 bytes.
  void Run(cudaStream_t stream, const void* input, int64_t rows, const void* encoder, int64_t latents, float* product);

 private:
  struct Plan;
  const Plan& PlanFor(int64_t rows, int64_t latents);

  const ComputeType compute_;
  const int64_t width_;
  void* handle_ = nullptr;  // cublasLtHandle_t
  at::Tensor workspace_;
  std::map<std::pair<int64_t, int64_t>, Plan> plans_;  // By rows and latents.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_ENCODER_PRODUCT_H_
