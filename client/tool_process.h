// Programs beside this one that do what needs LibTorch, which this one has not.
#ifndef SEEDBED_CLIENT_TOOL_PROCESS_H_
#define SEEDBED_CLIENT_TOOL_PROCESS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace seedbed {

// Runs the program at this path and waits for its end; it dies with this process. INVALID_ARGUMENT with its last words
// where it found its input bad (exit code 2), INTERNAL, with them, for any other end.
absl::Status RunToolProcess(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_TOOL_PROCESS_H_
