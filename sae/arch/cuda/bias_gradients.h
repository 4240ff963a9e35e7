// The gradients by the parameters that have no row for each latent: b_enc, b_dec and W_skip.
#ifndef SEEDBED_SAE_ARCH_CUDA_BIAS_GRADIENTS_H_
#define SEEDBED_SAE_ARCH_CUDA_BIAS_GRADIENTS_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/cuda/device_entries.h"
#include "sae/arch/cuda/device_memory.h"
#include "sae/arch/cuda/step_record.h"
#include "sae/arch/sae_config.h"

namespace seedbed {

// Padded as their parameters are; padding is 0. Works on the current stream, which `stream` is; not thread-safe.
class BiasGradients {
 public:
  BiasGradients(const SaeConfig& config, at::Device device);

  // b_dec gets the sum of the rows of dL/dx_hat [rows, padded d_out]: alone, or on top of what it has.
  void SetDecoderBias(cudaStream_t stream, const float* output_gradient, int64_t rows);
  void AddToDecoderBias(cudaStream_t stream, const float* output_gradient, int64_t rows);

  // b_enc gets the sums of the latents' gradients, likewise.
  void SetEncoderBias(cudaStream_t stream, const DeviceLatentEntries& entries);
  void AddToEncoderBias(cudaStream_t stream, const DeviceLatentEntries& entries);

  // b_dec gets what reaches it through x - b_dec, once b_enc's gradient is whole. `encoder` is padded.
  void AddThroughEncoder(cudaStream_t stream, const float* encoder);

  // W_skip gets dL/dx_hat^T x.
  void SetSkip(float* output_gradient, const at::Tensor& input);

  // Sets not_finite of the record, which is 0.
  void CountNotFinite(cudaStream_t stream, StepRecord* record) const;
  // Sets squares[0..2] to those of b_enc, b_dec and W_skip.
  void SumSquares(cudaStream_t stream, double* squares);

  const float* encoder_bias() const { return encoder_bias_.const_data_ptr<float>(); }
  const float* decoder_bias() const { return decoder_bias_.const_data_ptr<float>(); }
  const float* skip() const { return skip_.const_data_ptr<float>(); }

 private:
  void SumRows(cudaStream_t stream, const float* output_gradient, int64_t rows, const float* base);

  const SaeConfig config_;
  const at::Device device_;
  at::Tensor encoder_bias_;  // [padded latents]
  at::Tensor decoder_bias_;  // [padded d_out]
  at::Tensor skip_;          // [d_out, padded d_in]; undefined without a skip connection.
  DeviceArray<float> partial_;
  DeviceArray<double> row_squares_;  // [d_out], of W_skip.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_BIAS_GRADIENTS_H_
