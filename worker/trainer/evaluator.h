// Evaluates the runs of this rank on held-out tokens.
#ifndef SEEDBED_WORKER_TRAINER_EVALUATOR_H_
#define SEEDBED_WORKER_TRAINER_EVALUATOR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/activations/sequences/sequence_source.h"
#include "sae/evaluation/autoencoder.h"
#include "sae/evaluation/spliced_loss.h"
#include "sae/lm/language_model.h"
#include "worker/trainer/hosted_run.h"
#include "worker/trainer/stream_inputs.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

// Not thread-safe. LibTorch's exceptions pass through.
class Evaluator {
 public:
  // nullptr where the gang asks for no evaluation. `plan` and `inputs` outlive it. Errors: as
  // StreamInputs::ReadHeldOut, so that too few held-out sequences show before any training.
  static absl::StatusOr<std::unique_ptr<Evaluator>> Make(const TrainerPlan* plan, const StreamInputs* inputs);

  // Whether an evaluation falls between `before` and `after` rows trained on, besides that at the end.
  bool IsDue(int64_t before, int64_t after) const;

  // By run, of runs with the same hookpoints; all their dictionaries are held at once. The model is loaded,
  // and what no SAE changes is measured, the first time that such runs come; both are kept. Errors: as
  // StreamInputs::LoadWithHead, SplicedLoss::Create and SplicedLoss::Evaluate; ABORTED, naming the tensor, is a run's
  // own.
  absl::StatusOr<std::vector<absl::StatusOr<RunEvaluation>>> Evaluate(const std::vector<HostedRun*>& runs,
                                                                      const RowScales& scales, int64_t trained_tokens);

  // The first evaluation.held_out_rows rows that `run` reads, as the model has them: float32 [rows, d_in], on the CPU.
  // Undefined where none are wanted. Runs the model for them where no such run was evaluated here, in an attempt that
  // goes on after the evaluation. Errors: as Evaluate.
  absl::StatusOr<at::Tensor> HeldOutRows(const HostedRun& run);

 private:
  Evaluator(const TrainerPlan* plan, const StreamInputs* inputs, std::vector<MicroBatch> tokens);

  absl::StatusOr<LanguageModel*> Model();
  // Of {input, target}.
  absl::StatusOr<SplicedLoss*> LossOf(const std::pair<int, int>& hookpoints);

  const TrainerPlan& plan_;
  const StreamInputs& inputs_;
  const std::vector<MicroBatch> tokens_;
  std::unique_ptr<LanguageModel> model_;
  std::map<std::pair<int, int>, SplicedLoss> losses_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_EVALUATOR_H_
