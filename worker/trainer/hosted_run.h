// A run that this rank trains.
#ifndef SEEDBED_WORKER_TRAINER_HOSTED_RUN_H_
#define SEEDBED_WORKER_TRAINER_HOSTED_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/arch/trainable_sae.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/state_tensors.h"
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
  bool ended() const { return sae_ == nullptr && !dictionary_.has_value(); }

  // As TrainableSae::Launch, of the next Step. !ended(), and training is not finished.
  void Launch(const at::Tensor& input, const at::Tensor& target) { sae_->Launch(input, target); }

  // One step on the batches of the run's hookpoints. !ended(), and training is not finished. Errors: as
  // TrainableSae::Step.
  absl::Status Step(const at::Tensor& input, const at::Tensor& target);

  // On held-out tokens, in the order in which they were made.
  const std::vector<RunEvaluation>& evaluations() const { return evaluations_; }
  void AddEvaluation(RunEvaluation evaluation) { evaluations_.push_back(std::move(evaluation)); }

  // What was learnt so far, !ended(): a copy, or when training is finished the one that is kept, whose tensors are not
  // to be changed.
  Dictionary dictionary() const { return dictionary_.has_value() ? *dictionary_ : sae_->ExportDictionary(); }

  // All that the run has become, for a checkpoint: in its own memory until the next Step, or copies (state_tensors.h).
  // !ended(), and training is not finished.
  StateTensors State();
  // Before the first step: goes on from what State gave of the same run. INVALID_ARGUMENT, naming the tensor, for a
  // state of something else; all stays as it was then.
  absl::Status Restore(const StateTensors& state);
  // The step that it was restored at; 0 = it began anew.
  int64_t resumed_step() const { return resumed_step_; }

  // No step is to follow: keeps the dictionary and lets go of all that only training needs. !ended().
  void FinishTraining();

  // The run is exported or has failed; lets go of everything.
  void End();

 private:
  HostedRun(PlannedRun planned, std::unique_ptr<TrainableSae> sae, RunRecorder recorder);

  PlannedRun planned_;
  std::unique_ptr<TrainableSae> sae_;     // Until training is finished or the run has ended.
  std::optional<Dictionary> dictionary_;  // From then on until the run has ended.
  RunRecorder recorder_;
  std::vector<RunEvaluation> evaluations_;
  int64_t resumed_step_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_HOSTED_RUN_H_
