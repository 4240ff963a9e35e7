// What losses are multiplied by, where that depends on the batch: found on the GPU, for the kernels that follow.
#ifndef SEEDBED_SAE_ARCH_CUDA_STEP_SCALES_H_
#define SEEDBED_SAE_ARCH_CUDA_STEP_SCALES_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "sae/arch/cuda/step_record.h"

namespace seedbed {

// Sets loss_scale, multi_scale and error_scale from total_variance.
void SetLossScales(cudaStream_t stream, const LossScaleRule& rule, StepRecord* record);

enum class AuxiliaryNorm { kTotalVariance, kRows, kErrorVariance };

// sae/arch/auxiliary_loss.h has the formulas.
struct AuxiliaryRule {
  AuxiliaryNorm norm = AuxiliaryNorm::kTotalVariance;
  int64_t width = 0;
  double alpha = 0;
  double rows = 0;
};
// Sets auxiliary_weight and auxiliary_scale from dead and, of kErrorVariance, error_squares.
void SetAuxiliaryScales(cudaStream_t stream, const AuxiliaryRule& rule, StepRecord* record);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_STEP_SCALES_H_
