// `seedbed export` and `seedbed import`: dictionaries between our folders and those of other libraries.
#ifndef SEEDBED_CLIENT_CONVERT_H_
#define SEEDBED_CLIENT_CONVERT_H_

#include <string>

#include "absl/status/status.h"
#include "client/console.h"

namespace seedbed {

struct ConvertOptions {
  std::string server;   // HOST:PORT
  std::string program;  // Path of seedbed-convert, which does the work: this program has no LibTorch.
  std::string source;   // A folder; for an export also the id of a run, whose folder the coordinator knows.
  std::string format;   // Of an export: sparsify or saelens.
  std::string output;   // The folder to write; must not exist yet.
  bool json = false;
};

// Both print the folder that they wrote, whole or not at all. Errors: INVALID_ARGUMENT with what is wrong with the
// source or can't be expressed, NOT_FOUND for an unknown run, FAILED_PRECONDITION for one that has no dictionary, what
// the coordinator answered; INTERNAL for anything else that seedbed-convert failed with.
absl::Status RunExport(const ConvertOptions& options, Console& console);
absl::Status RunImport(const ConvertOptions& options, Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_CONVERT_H_
