// Finds the checkpoint that a gang goes on from.
#ifndef SEEDBED_WORKER_TRAINER_CHECKPOINT_RESUME_H_
#define SEEDBED_WORKER_TRAINER_CHECKPOINT_RESUME_H_

#include <vector>

#include "absl/status/statusor.h"
#include "sae/activations/activation_stream.h"
#include "sae/collectives/collectives.h"
#include "worker/trainer/checkpoint/checkpoint_folder.h"
#include "worker/trainer/checkpoint/checkpoint_labels.h"
#include "worker/trainer/hosted_run.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

// Every rank of a gang calls it at the same time, with the runs that it hosts, whoever hosted them before. Restores
// each from its newest state that is whole. The stream begins, on every rank alike, where the newest state of it is
// that every rank can read and that no run lies behind; a run that is ahead has had the first batches already. What
// is damaged, or of another training, is logged as a warning that names it, and the one before it is used; without any
// a run, or the stream, begins anew. Errors: of the collectives.
absl::StatusOr<StreamStart> ResumeGang(const TrainerPlan& plan, const CheckpointFolder& folder,
                                       const CheckpointLabels& labels, Collectives& collectives,
                                       std::vector<HostedRun>& runs);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_CHECKPOINT_RESUME_H_
