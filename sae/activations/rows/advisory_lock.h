// flock(2) on files and folders, by which processes that share a cache keep out of each other's way.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_ADVISORY_LOCK_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_ADVISORY_LOCK_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/subprocess.h"

namespace seedbed {

// `operation` as flock has it, tried again after signals. False when LOCK_NB is among it and another holds the lock.
// The lock belongs to the open file and goes with its last descriptor, however the process ends.
absl::StatusOr<bool> Lock(const OwnedFd& fd, int operation, const std::string& path);

// Whether `path` still names the open file. A lock that was waited for may be one on a file that is gone.
bool IsNamed(const OwnedFd& fd, const std::string& path);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_ADVISORY_LOCK_H_
