// A trained run as a folder on the artifact root.
#ifndef SEEDBED_WORKER_TRAINER_RUN_EXPORT_H_
#define SEEDBED_WORKER_TRAINER_RUN_EXPORT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "sae/arch/trainable_sae.h"
#include "seedbed/v1/run.pb.h"
#include "worker/trainer/hosted_run.h"
#include "worker/trainer/stream_inputs.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

// What a run's manifest says about it, besides what the run itself knows. Nothing here depends on time, attempt, rank
// or world size.
struct RunProvenance {
  std::string batch_hash;  // 32 hexadecimal digits.
  StreamIdentity stream;
  float input_scale = 1;         // Of normalisation.
  float target_scale = 1;        // The same of an autoencoder.
  int64_t tokens_harvested = 0;  // By the gang. Not in the manifest: a cache changes it.
};

v1::RunMetrics ToProto(const StepMetrics& metrics);

// The manifest's "facts" (docs/formats.md): the run, its stream and training, and what it came to.
std::string FactsJson(const TrainerPlan& plan, const HostedRun& run, const RunProvenance& provenance);

// Writes artifact_root/sweep_id/run_id: the dictionary with training.csv beside it. Complete or absent. Errors: of the
// disk (AsIoFailure).
absl::StatusOr<v1::RunResult> ExportRun(const TrainerPlan& plan, const HostedRun& run, const RunProvenance& provenance);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_RUN_EXPORT_H_
