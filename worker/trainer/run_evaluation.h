// What a dictionary makes of held-out tokens, as results and files.
#ifndef SEEDBED_WORKER_TRAINER_RUN_EVALUATION_H_
#define SEEDBED_WORKER_TRAINER_RUN_EVALUATION_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/checkpoint/state_tensors.h"
#include "sae/evaluation/spliced_loss.h"
#include "seedbed/v1/run.pb.h"

namespace seedbed {

struct RunEvaluation {
  v1::EvaluationMetrics metrics;
  std::vector<double> firing_frequency;  // [latents]: fraction of rows in which the latent is active.
};

// `trained_tokens`: rows that the run was trained on before. Losses that can't be recovered, because the ablation does
// not raise them, count as 1 where the spliced loss is no higher than the clean one and else as 0.
RunEvaluation MakeRunEvaluation(const SplicedEvaluation& evaluation, int64_t trained_tokens);

// Files beside an export, by name: evaluation.csv with every evaluation, firing_frequency.npy (NumPy, float64
// [latents]) of the last. None where there was none.
std::map<std::string, std::string> EvaluationFiles(absl::Span<const RunEvaluation> evaluations);

// Of a checkpoint: copies. INVALID_ARGUMENT where a state is none.
StateTensors StateOfEvaluations(absl::Span<const RunEvaluation> evaluations);
absl::StatusOr<std::vector<RunEvaluation>> EvaluationsOfState(const StateTensors& state);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_RUN_EVALUATION_H_
