// A run that this rank trains.
#ifndef SEEDBED_WORKER_TRAINER_HOSTED_RUN_H_
#define SEEDBED_WORKER_TRAINER_HOSTED_RUN_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/arch/trainable_sae.h"
#include "worker/trainer/run_evaluation.h"
#include "worker/trainer/run_recorder.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

// Not thread-safe.
class HostedRun {
 public:
  // `d_in` and `d_out`: widths of the run's hookpoints. Errors: as MakeTrainableSae and as LoadDictionary of what the
  // run is to start from, with the run's id.
  static absl::StatusOr<HostedRun> Make(const TrainerPlan& plan, const PlannedRun& run, int64_t d_in, int64_t d_out);

  const PlannedRun& planned() const { return planned_; }
  const std::string& run_id() const { return planned_.run_id; }
  const RunRecorder& recorder() const { return recorder_; }
  const TrainableSae& sae() const { return *sae_; }
  bool ended() const { return sae_ == nullptr; }

  // One step on the batches of the run's hookpoints. !ended(). Errors: as TrainableSae::Step.
  absl::Status Step(const at::Tensor& input, const at::Tensor& target);

  // On held-out tokens, in the order in which they were made.
  const std::vector<RunEvaluation>& evaluations() const { return evaluations_; }
  void AddEvaluation(RunEvaluation evaluation) { evaluations_.push_back(std::move(evaluation)); }

  // Nothing more is to be trained; lets go of the SAE.
  void End() { sae_.reset(); }

 private:
  HostedRun(PlannedRun planned, std::unique_ptr<TrainableSae> sae, RunRecorder recorder);

  PlannedRun planned_;
  std::unique_ptr<TrainableSae> sae_;  // Null once the run has ended.
  RunRecorder recorder_;
  std::vector<RunEvaluation> evaluations_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_HOSTED_RUN_H_
