// `seedbed list`, `get`, `runs`, `workers`, `users` and `explain`: one question to a daemon, its answer as a table or
// as the protobuf's JSON.
#ifndef SEEDBED_CLIENT_LISTINGS_H_
#define SEEDBED_CLIENT_LISTINGS_H_

#include <string>

#include "absl/status/status.h"
#include "client/console.h"
#include "seedbed/v1/coordinator.pb.h"

namespace seedbed {

struct ListingOptions {
  std::string server;  // HOST:PORT
  bool json = false;
};

absl::Status RunList(const ListingOptions& options, Console& console);
absl::Status RunGet(const ListingOptions& options, const std::string& sweep_id, Console& console);
absl::Status RunRuns(const ListingOptions& options, const std::string& sweep_id, Console& console);
absl::Status RunWorkers(const ListingOptions& options, Console& console);
absl::Status RunExplain(const ListingOptions& options, const std::string& run_id, Console& console);
absl::Status RunUsers(const ListingOptions& options, Console& console);

// "3 succeeded, 1 training", in the order of a run's life.
std::string FormatRunCounts(const seedbed::v1::Sweep& sweep);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_LISTINGS_H_
