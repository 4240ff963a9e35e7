// A batch as the GPU's kernels read it: what the encoder sees and what the decoder is to give, in padded rows.
#ifndef SEEDBED_SAE_ARCH_CUDA_CUDA_BATCH_H_
#define SEEDBED_SAE_ARCH_CUDA_CUDA_BATCH_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/cuda/device_memory.h"
#include "sae/arch/cuda/encoder_rows.h"
#include "sae/arch/sae_config.h"

namespace seedbed {

// Memory is taken for the largest batch so far and kept. Works on the current stream; not thread-safe.
class CudaBatch {
 public:
  CudaBatch(const SaeConfig& config, at::Device device);

  // Reads `input` [rows, d_in] and `target` [rows, d_out]. `decoder_bias` is padded; `skip_weight` [d_out, d_in] is
  // undefined without a skip connection. Sets *total_variance, in the GPU's memory, to sum |target - its mean|^2.
  void Prepare(cudaStream_t stream, const at::Tensor& input, const at::Tensor& target, const float* decoder_bias,
               const at::Tensor& skip_weight, double* total_variance);

  int64_t rows() const { return rows_; }
  // x - b_dec, or x where the config does not centre.
  EncoderRows encoder_input() const;
  // [rows]: the norms of its rows.
  const float* input_norms() const { return norms_.data(); }
  // [rows, PaddedWidth(d_out)]: target - b_dec.
  const float* centered_target() const { return centered_target_.const_data_ptr<float>(); }
  // [rows, PaddedWidth(d_out)]: target - b_dec - W_skip x, what the latents are to give.
  const float* residual() const { return residual_.const_data_ptr<float>(); }

 private:
  void Reserve(int64_t rows);
  void FindMean(cudaStream_t stream, const at::Tensor& target);
  bool reads_centered_target() const { return !config_.transcoder && config_.centers_input(); }

  const SaeConfig config_;
  const at::Device device_;
  const int64_t input_width_;
  const int64_t target_width_;
  int64_t rows_ = 0;
  int64_t reserved_rows_ = 0;
  at::Tensor mean_;             // [target_width]
  at::Tensor encoder_input_;    // [rows, input_width]; of a centring autoencoder centered_target_ itself.
  at::Tensor centered_target_;  // [rows, target_width]
  at::Tensor residual_;         // [rows, target_width]; without a skip connection centered_target_ itself.
  DeviceArray<uint16_t> bfloat16_;
  DeviceArray<float> norms_;
  DeviceArray<float> partial_;
  DeviceArray<double> distances_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_CUDA_BATCH_H_
