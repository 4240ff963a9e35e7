// Whether a text can be the path of a file on a worker.
#ifndef SEEDBED_SERVER_SCHEDULER_PATH_CHECK_H_
#define SEEDBED_SERVER_SCHEDULER_PATH_CHECK_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/scheduler/violations.h"

namespace seedbed {

// Absolute, at most 4096 bytes, without a null character.
void CheckPath(absl::string_view field, const std::string& path, ViolationList& violations);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_PATH_CHECK_H_
