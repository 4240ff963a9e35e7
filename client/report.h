// `seedbed report`: the results service's page of sweeps, as a file.
#ifndef SEEDBED_CLIENT_REPORT_H_
#define SEEDBED_CLIENT_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/console.h"

namespace seedbed {

struct ReportOptions {
  std::string server;                  // HOST:PORT
  std::vector<std::string> sweep_ids;  // One or more.
  std::string output;                  // The file; replaced if it is there.
  bool json = false;
};

// Writes the whole file or nothing, and prints its path.
absl::Status RunReport(const ReportOptions& options, Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_REPORT_H_
