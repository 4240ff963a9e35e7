// c10d reports failures as exceptions; here they become statuses.
#ifndef SEEDBED_SAE_COLLECTIVES_C10D_STATUS_H_
#define SEEDBED_SAE_COLLECTIVES_C10D_STATUS_H_

#include <exception>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// DEADLINE_EXCEEDED for a timeout, UNAVAILABLE for anything else: "rank 1: all-to-all: <first line of the exception>".
absl::Status C10dStatus(const std::exception& error, absl::string_view operation, int rank);

// Calls `action`, which may throw what c10d and Gloo throw.
template <typename Action>
absl::Status CatchC10d(absl::string_view operation, int rank, Action&& action) {
  try {
    action();
    return absl::OkStatus();
  } catch (const std::exception& error) {
    return C10dStatus(error, operation, rank);
  }
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_C10D_STATUS_H_
