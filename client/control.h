// `seedbed cancel`, `pause`, `resume`, `retry`, `drain`, `quota` and `backup`: one change, and what is then there, as a
// line or as the protobuf's JSON.
#ifndef SEEDBED_CLIENT_CONTROL_H_
#define SEEDBED_CLIENT_CONTROL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/console.h"
#include "client/listings.h"

namespace seedbed {

// Of a sweep as a whole, or of some of its runs.
struct RunSelection {
  std::string sweep_id;
  std::vector<std::string> run_ids;  // None = all that the command can be of.
};

absl::Status RunCancel(const ListingOptions& options, const RunSelection& selection, Console& console);
absl::Status RunPause(const ListingOptions& options, const RunSelection& selection, Console& console);
absl::Status RunResume(const ListingOptions& options, const RunSelection& selection, Console& console);
absl::Status RunRetry(const ListingOptions& options, const RunSelection& selection, Console& console);

struct DrainOptions {
  std::string worker;
  bool undo = false;
};
absl::Status RunDrain(const ListingOptions& options, const DrainOptions& drain, Console& console);

struct QuotaOptions {
  std::string user;
  int most_slots = 0;  // 0 = no limit.
  double share = 1;
};
absl::Status RunQuota(const ListingOptions& options, const QuotaOptions& quota, Console& console);

// `file` is made on the coordinator's machine; a relative one is taken from this process's folder.
absl::Status RunBackUp(const ListingOptions& options, const std::string& file, Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_CONTROL_H_
