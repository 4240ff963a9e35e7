// What the host makes of a step's record.
#ifndef SEEDBED_SAE_ARCH_CUDA_STEP_REPORT_H_
#define SEEDBED_SAE_ARCH_CUDA_STEP_REPORT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "sae/arch/cuda/step_record.h"
#include "sae/arch/sae_config.h"
#include "sae/arch/sae_engine.h"

namespace seedbed {

// Of the topk family's loss of a batch of `rows` rows.
LossScaleRule ScalesOf(const SaeConfig& config, int64_t rows);

// Which terms a step's loss has.
struct StepTerms {
  LossScaleRule scales;
  double auxiliary_alpha = 0;
  bool has_auxiliary = false;  // There may have been dead latents, and the auxiliary loss was computed.
  bool has_threshold = false;  // The smallest rank is asked for.
};

// ABORTED, naming step and tensor, unless the variance is above 0 and it, losses and gradients are finite.
absl::Status CheckStep(const StepTerms& terms, const StepRecord& record, int64_t step);

BatchLosses LossesOf(const StepTerms& terms, const StepRecord& record);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_STEP_REPORT_H_
