// The auxiliary loss of the topk family on a GPU (sae/arch/auxiliary_loss.h has its formulas).
#ifndef SEEDBED_SAE_ARCH_CUDA_CUDA_AUXILIARY_H_
#define SEEDBED_SAE_ARCH_CUDA_CUDA_AUXILIARY_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/cuda/device_decode.h"
#include "sae/arch/cuda/device_firing.h"
#include "sae/arch/cuda/device_memory.h"
#include "sae/arch/cuda/encoder_product.h"
#include "sae/arch/cuda/encoder_rows.h"
#include "sae/arch/cuda/entry_buffer.h"
#include "sae/arch/cuda/step_scales.h"
#include "sae/arch/sae_config.h"

namespace seedbed {

// What the loss reads of a step. Nothing is owned.
struct AuxiliaryStep {
  int64_t rows = 0;
  // At least as many latents as can be dead in this batch, exactly those of `firing.candidate`.
  int64_t candidates = 0;
  DeviceFiring firing;
  EncoderProduct* product = nullptr;
  EncoderRows encoder_input;
  EncoderRows encoder;
  const float* encoder_bias = nullptr;
  const float* latent_norms = nullptr;  // nullptr = latents don't rank by them.
  float* tile = nullptr;                // Scratch for pre-activations: [rows_in_tile, TileColumns(n)].
  int64_t rows_in_tile = 0;
  const float* decoder = nullptr;  // [n, width]
  int64_t width = 0;
  const float* output_gradient = nullptr;  // [rows, width]: of the last group.
  const float* input_norms = nullptr;
  DeviceDecodeSums* row_sums = nullptr;  // Scratch of [rows].
  StepRecord* record = nullptr;
};

// Works on the current stream, which `stream` is. Memory is kept. Not thread-safe.
class CudaAuxiliary {
 public:
  CudaAuxiliary(const SaeConfig& config, at::Device device);

  // Columns that a tile for `latents` latents has: products are quickest where they are a multiple of 128.
  static constexpr int64_t TileColumns(int64_t latents) { return (latents + 127) / 128 * 128; }

  // Selects among the dead latents, with a product of their own, and sets what the record has of the auxiliary loss.
  void Run(cudaStream_t stream, const AuxiliaryStep& step);

  // Whether the encoder learns from it.
  bool teaches_encoder() const { return config_.convention != Convention::kSparsify; }

  // Of Run.
  const DeviceLatentEntries& by_latent() const { return entries_.by_latent(); }
  DeviceSparseGradient EncoderGradient(const EncoderRows& encoder_input) const {
    return entries_.WeightedByGradients(encoder_input.values);
  }
  DeviceSparseGradient DecoderGradient() const { return entries_.Weighted(gradient_.data()); }

 private:
  void Select(cudaStream_t stream, const AuxiliaryStep& step);
  void SetScales(cudaStream_t stream, const AuxiliaryStep& step);
  void FindErrorSquares(cudaStream_t stream, const AuxiliaryStep& step);
  int64_t places() const;

  const SaeConfig config_;
  const at::Device device_;
  EntryBuffer entries_;
  DeviceArray<int32_t> listed_;  // [n]
  DeviceArray<int32_t> count_;   // [1]
  DeviceArray<uint8_t> listing_;
  DeviceArray<uint8_t> gathered_;  // [TileColumns(candidates), input width]
  DeviceArray<float> gradient_;    // [rows, width]: dL/de_hat.
  DeviceArray<float> partial_;
  DeviceArray<float> mean_;        // [width]
  DeviceArray<double> distances_;  // [rows]
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_CUDA_AUXILIARY_H_
