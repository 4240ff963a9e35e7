// `seedbed agree`: how far any dictionaries agree, without a server.
#ifndef SEEDBED_CLIENT_AGREE_H_
#define SEEDBED_CLIENT_AGREE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/agreement_output.h"
#include "client/console.h"

namespace seedbed {

struct AgreeCommand {
  std::string server;                // HOST:PORT, where runs are named.
  std::string program;               // Path of seedbed-agree, which does the work: this program has no LibTorch.
  std::vector<std::string> sources;  // Folders, or ids of runs; two or more.
  std::string output;                // File for the JSON; empty = none.
  std::vector<std::string> passed;   // Flags that seedbed-agree is given as they are.
  AgreementOutput form;              // What is printed.
};

// Prints what is asked for. Errors: as DictionaryFolder and RunToolProcess.
absl::Status RunAgreeCommand(const AgreeCommand& options, Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_AGREE_H_
