// The matchings of a request's pairs, as seedbed-agree stores them in a folder.
#ifndef SEEDBED_SERVER_RESULTS_STORED_PAIRS_H_
#define SEEDBED_SERVER_RESULTS_STORED_PAIRS_H_

#include <string>

#include "absl/status/statusor.h"
#include "seedbed/v1/pair_matching.pb.h"
#include "seedbed/v1/results.pb.h"

namespace seedbed {

// Whether there is a file for the pair (a, b), a < b. Never for a dictionary without a checksum.
bool PairIsStored(const std::string& pair_folder, const v1::Agreement& request, int a, int b);

// Done: how many pairs of the request have a file. Of one without a checksum none is known to have.
v1::AgreementProgress ProgressOf(const std::string& pair_folder, const v1::Agreement& request);

// The matching of the pair (a, b), a < b. DATA_LOSS, naming the file, where it is damaged or gone.
absl::StatusOr<v1::StoredPair> ReadStoredPair(const std::string& pair_folder, const v1::Agreement& request, int a,
                                              int b);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_STORED_PAIRS_H_
