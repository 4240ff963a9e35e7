// What the mains of seedbed-agree and seedbed-convert share: programs that compute one thing and end.
#ifndef SEEDBED_WORKER_TOOL_TOOL_MAIN_H_
#define SEEDBED_WORKER_TOOL_TOOL_MAIN_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace seedbed {

// Parses the arguments into what `app`, which bears the program's name, fills; then calls `run`. Follows the parent
// process (common/daemon.h). Returns the exit code: 0; 2 = the arguments, or what they name, can't be used; 1 =
// anything else, LibTorch's exceptions too. A failure is told in one line on standard error.
int RunTool(CLI::App& app, int argc, char** argv, absl::FunctionRef<absl::Status()> run);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TOOL_TOOL_MAIN_H_
