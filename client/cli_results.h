// The commands about results among those of the command line.
#ifndef SEEDBED_CLIENT_CLI_RESULTS_H_
#define SEEDBED_CLIENT_CLI_RESULTS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "client/agreement_output.h"
#include "client/console.h"

namespace CLI {
class App;
}

namespace seedbed {

// What every command shares. Borrowed, filled while the arguments are parsed.
struct SharedOptions {
  const std::string* server;                                 // HOST:PORT of the coordinator.
  const std::string* output;                                 // table or json.
  std::function<absl::Status(Console&)>* command = nullptr;  // What is to be done.
};

// --format, --table and --csv. `output` must outlive the parsing.
void AddOutputFlags(CLI::App* command, AgreementOutput& output);

// The form that is asked for: --format, or else the global --output.
AgreementOutput ResolveOutput(const AgreementOutput& output, const std::string& global_output);

// `results`, `compare` and `latents`.
void AddResultCommands(CLI::App& app, const SharedOptions& shared);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_CLI_RESULTS_H_
