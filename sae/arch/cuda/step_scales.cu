#include "sae/arch/cuda/step_scales.h"

namespace seedbed {
namespace {

__global__ void LossScalesKernel(LossScaleRule rule, StepRecord* record) {
  record->loss_scale = static_cast<float>(rule.by_variance ? 2 / record->total_variance : rule.scale);
  record->multi_scale = static_cast<float>(2 * rule.multi_weight / record->total_variance);
  record->error_scale = -1 / record->loss_scale;
}

__device__ double AuxiliaryWeight(const AuxiliaryRule& rule, const StepRecord& record) {
  if (rule.norm == AuxiliaryNorm::kErrorVariance) {
    const double variance = record.error_squares * record.error_scale * record.error_scale;
    return variance > 0 ? 1 / variance : 0;
  }
  const double share = fmin(static_cast<double>(record.dead) / static_cast<double>(rule.width), 1.0);
  return share / (rule.norm == AuxiliaryNorm::kTotalVariance ? record.total_variance : rule.rows);
}

__global__ void AuxiliaryScalesKernel(AuxiliaryRule rule, StepRecord* record) {
  record->auxiliary_weight = AuxiliaryWeight(rule, *record);
  record->auxiliary_scale = static_cast<float>(2 * rule.alpha * record->auxiliary_weight);
}

}  // namespace

void SetLossScales(cudaStream_t stream, const LossScaleRule& rule, StepRecord* record) {
  LossScalesKernel<<<1, 1, 0, stream>>>(rule, record);
}

void SetAuxiliaryScales(cudaStream_t stream, const AuxiliaryRule& rule, StepRecord* record) {
  AuxiliaryScalesKernel<<<1, 1, 0, stream>>>(rule, record);
}

}  // namespace seedbed
