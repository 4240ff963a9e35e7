// The rows on which the activations of siblings' matched latents are correlated.
#ifndef SEEDBED_WORKER_TRAINER_HELD_OUT_ROWS_H_
#define SEEDBED_WORKER_TRAINER_HELD_OUT_ROWS_H_

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "seedbed/v1/run.pb.h"
#include "worker/trainer/hosted_run.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

// Writes artifact_root/sweep_id/held_out/HOOKPOINT-HASH.safetensors, durably, unless it is there: the tensor
// "activations" of `rows`, float32 [rows, d_in], what `run` reads. HASH is the start of the file's SHA-256, so siblings
// on several ranks write one file. Errors: of the disk (AsIoFailure).
absl::StatusOr<v1::HeldOutRows> WriteHeldOutRows(const TrainerPlan& plan, const HostedRun& run, const at::Tensor& rows);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_HELD_OUT_ROWS_H_
