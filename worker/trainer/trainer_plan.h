// A TrainerSpec in the terms of sae/.
#ifndef SEEDBED_WORKER_TRAINER_TRAINER_PLAN_H_
#define SEEDBED_WORKER_TRAINER_TRAINER_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/activations/stream_config.h"
#include "sae/arch/trainable_sae.h"
#include "sae/lm/hookpoint.h"
#include "seedbed/v1/trainer.pb.h"

namespace seedbed {

struct PlannedRun {
  std::string run_id;
  int input = 0;   // Number in TrainerPlan::hookpoints.
  int target = 0;  // What is reconstructed; of an autoencoder the input itself.
  int rank = 0;    // That trains it: a function of the gang's spec and the world size alone.
  SaeConfig sae;   // d_in and d_out are 0 until the inputs are known.
  v1::SaeSpec spec;
};

struct TrainerPlan {
  v1::TrainerSpec spec;
  StreamConfig stream;
  std::vector<Hookpoint> hookpoints;  // Of all runs, each once, in the order of the runs.
  std::vector<PlannedRun> runs;       // Of the whole gang.

  // By rank: the hookpoints of its runs, both ends of a transcoder, ascending.
  std::vector<std::vector<int>> HostedHookpoints() const;
};

// INVALID_ARGUMENT, naming the field, for a spec that can't be carried out.
absl::StatusOr<TrainerPlan> MakeTrainerPlan(const v1::TrainerSpec& spec);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_TRAINER_PLAN_H_
