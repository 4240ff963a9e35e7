// `seedbed results`, `seedbed compare` and `seedbed latents`: what the results service knows and computes.
#ifndef SEEDBED_CLIENT_RESULTS_H_
#define SEEDBED_CLIENT_RESULTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/agreement_output.h"
#include "client/console.h"

namespace seedbed {

struct ResultsOptions {
  std::string server;  // HOST:PORT of the coordinator.
  std::string sweep_id;
  AgreementOutput output;
  std::optional<double> threshold;  // Another one than the sweep's.
  bool watch = false;               // Prints agreements as they come, until the sweep has ended and all are there.
};

struct CompareOptions {
  std::string server;
  std::vector<std::string> run_ids;  // Of any sweeps.
  std::optional<double> threshold;
  int consensus_members = 0;
  AgreementOutput output;
};

struct LatentsOptions {
  std::string server;
  std::string sibling_set_id;  // Or a comparison's id.
  std::vector<int> pair;       // Two places among its dictionaries; none = the stability of all.
};

// Errors: what the daemons answered, ABORTED where there is no agreement, CANCELLED when the user stopped waiting.
absl::Status RunResults(const ResultsOptions& options, Console& console);
absl::Status RunCompare(const CompareOptions& options, Console& console);
// Prints CSV.
absl::Status RunLatents(const LatentsOptions& options, Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_RESULTS_H_
