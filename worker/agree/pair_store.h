// Matchings on disk under what they are of: computed once, whatever threshold is asked for later, and whoever asks.
#ifndef SEEDBED_WORKER_AGREE_PAIR_STORE_H_
#define SEEDBED_WORKER_AGREE_PAIR_STORE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/agreement/pair_matching.h"

namespace seedbed {

// A folder of files, each named by what it is of (common/pair_key.h) and written durably and atomically, so that any
// number of processes may share it. Thread-safe.
class PairStore {
 public:
  explicit PairStore(std::string folder) : folder_(std::move(folder)) {}

  // None where there is none. A file that is damaged is logged, named, and none as well: it will be replaced. Errors:
  // as reading gives, with the path.
  absl::StatusOr<std::optional<PairMatching>> Find(const std::string& identity_a, const std::string& identity_b) const;

  // Errors: as writing gives, with the path.
  absl::Status Save(const std::string& identity_a, const std::string& identity_b, const PairMatching& pair) const;

 private:
  const std::string folder_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_PAIR_STORE_H_
