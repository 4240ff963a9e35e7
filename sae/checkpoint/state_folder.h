// Saved states of one object, by the step that they were taken after (docs/formats.md, "Checkpoints"):
// FOLDER/step-000000000042/{manifest.json,state.safetensors}.
#ifndef SEEDBED_SAE_CHECKPOINT_STATE_FOLDER_H_
#define SEEDBED_SAE_CHECKPOINT_STATE_FOLDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/checkpoint/state_tensors.h"

namespace seedbed {

struct StateLabel {
  int64_t step = 0;
  // Stands for all that the object is made with. A state is of use to an object that is made with the same alone.
  std::string made_from;
};

std::string StateFolderName(int64_t step);

// Writes `state` (contiguous, on the CPU) so that it is complete or absent: staged beside its place under a name with
// `attempt` and ".tmp", checksummed, fsynced, renamed; a state of the same step is replaced. `may_commit` is asked just
// before the rename. Its error and every other leave nothing behind, and name the file. Returns the bytes of the files.
absl::StatusOr<int64_t> WriteState(const std::string& folder, const StateLabel& label, const StateTensors& state,
                                   int attempt, const std::function<absl::Status()>& may_commit);

// Reads the state whole, into memory of its own, and compares it with its checksum. Errors name the file: NOT_FOUND,
// DATA_LOSS for a damaged one, FAILED_PRECONDITION for one that was made from something else.
absl::StatusOr<StateTensors> ReadState(const std::string& folder, const StateLabel& label);

// Of the states that are there, damaged or not, ascending. None where there is no folder.
std::vector<int64_t> SavedSteps(const std::string& folder);

absl::Status RemoveState(const std::string& folder, int64_t step);

// Removes what processes that died left half-written.
absl::Status RemoveStagedStates(const std::string& folder);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_STATE_FOLDER_H_
