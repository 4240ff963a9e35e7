// An SaeSpec in the terms of sae/.
#ifndef SEEDBED_WORKER_TRAINER_SAE_TRANSLATION_H_
#define SEEDBED_WORKER_TRAINER_SAE_TRANSLATION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "sae/arch/sae_config.h"
#include "seedbed/v1/run.pb.h"

namespace seedbed {

// With d_in and d_out 0: the widths of the hookpoints are not known yet. INVALID_ARGUMENT, naming the field, for an
// enum that is left open or unknown. Numbers are taken as they are; MakeTrainableSae checks them.
absl::StatusOr<SaeConfig> MakeSaeConfig(const v1::SaeSpec& spec, int64_t total_steps);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_SAE_TRANSLATION_H_
