// Where a gang's checkpoints lie: ARTIFACT_ROOT/SWEEP/GANG/checkpoints (docs/formats.md, "Checkpoints").
#ifndef SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_FOLDER_H_
#define SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_FOLDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {

//   attempt                  the newest attempt at the gang that has begun, in decimal digits
//   runs/RUN/step-N          what a run goes on from; the folder of a run is there until the run has ended
//   stream/HOOKPOINT/step-N  what the stream goes on from with a hookpoint's rows
//   rows/...                 the rows of epoch 0, where later epochs need them: a cache of activations
//
// Every rank writes states of its own runs, and of the hookpoints of which it is the first to host a run. Nothing is
// agreed on: ranks look at what is there. Thread-safe but for Claim.
class CheckpointFolder {
 public:
  // `plan` outlives it.
  explicit CheckpointFolder(const TrainerPlan* plan);

  // The folder "rows" of a gang's checkpoints.
  static std::string RowsPathOf(const TrainerPlan& plan);

  std::string RunFolder(const std::string& run_id) const;
  std::string StreamFolder(int hookpoint) const;
  // Hookpoints, by number, whose states this rank writes.
  const std::vector<int>& written_hookpoints() const { return written_hookpoints_; }

  // What a rank does before anything else: from here on older attempts write nothing any more. Makes the folders of its
  // runs, removes what died half-written, and as rank 0 removes runs that have ended. ABORTED where a newer
  // attempt has claimed the folder; else errors of the disk.
  absl::Status Claim() const;

  // ABORTED where a newer attempt has claimed the folder.
  absl::Status CheckClaim() const;

  // Keeps the last two states of every run of this rank; of its hookpoints those that a run of any rank may need.
  absl::Status RemoveOldStates() const;

  // The run has ended: nothing will go on from its states. The last run's end removes the whole folder.
  absl::Status RemoveRun(const std::string& run_id) const;

 private:
  absl::StatusOr<int64_t> ClaimedBy() const;
  absl::Status RemoveEndedRuns() const;
  // The oldest step that any run may go on from: 0 where one has no state.
  absl::StatusOr<int64_t> OldestRunStep() const;
  // The newest step, no newer than `limit`, of which every hookpoint has a state; 0 where there is none.
  int64_t NewestStreamStep(int64_t limit) const;

  const TrainerPlan& plan_;
  const std::string gang_path_;  // Holds path_ and nothing else.
  const std::string path_;
  std::vector<std::string> own_runs_;
  std::vector<int> written_hookpoints_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_FOLDER_H_
