// From a finished sibling set to its agreement: what is to be compared, under which key, and whether an answer fits.
// Pure.
//
// What is to be compared is an Agreement without its numbers (a request): ids, threshold, consensus_members, the
// dictionaries with path, run, seed, manifest_sha256 and sizes, held-out rows, batch hashes, and what the siblings have in common. Its
// sibling_set_id is its id; what was asked for beside the sweeps' own sets has an id of its own and no sweep.
#ifndef SEEDBED_SERVER_RESULTS_COMPARISON_H_
#define SEEDBED_SERVER_RESULTS_COMPARISON_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "seedbed/v1/event.pb.h"
#include "seedbed/v1/results.pb.h"
#include "seedbed/v1/run.pb.h"

namespace seedbed {

// Raised whenever the same matchings would give other numbers, so that stored ones are not taken for new ones.
inline constexpr int kNumbersVersion = 3;

// `event` holds a SiblingSetFinished, `sae` is that of any of its runs. An event that makes no sense gives a request
// with `failure` set: it can be stored and shown, and nothing is to be computed.
v1::Agreement RequestFor(const v1::Event& event, const v1::SaeSpec& sae);

// Of the dictionaries of these runs, two or more that succeeded. Its id follows from what is compared.
v1::Agreement RequestForRuns(const std::vector<v1::Run>& runs, double threshold, int consensus_members);

// The same dictionaries at another threshold.
v1::Agreement AtThreshold(const v1::Agreement& request, double threshold);

// Two of the dictionaries of a request alone.
v1::Agreement OnlyPair(const v1::Agreement& request, int a, int b);

// Whether a consensus is asked for and the dictionaries are enough for it: some runs of a set may have failed.
bool HasConsensus(const v1::Agreement& request);

// SHA-256 of what decides the numbers: the manifests' checksums in order, the threshold, consensus_members, the
// held-out rows and kNumbersVersion; and the ids of set and run for a dictionary without a checksum.
std::string ContentKey(const v1::Agreement& request);

// INTERNAL, saying what differs, unless `computed` is complete and of the very dictionaries of `request`.
absl::Status CheckAnswer(const v1::Agreement& request, const v1::Agreement& computed);

// `request` with the numbers of `computed`, which may be of another sibling set with the same dictionaries.
v1::Agreement Complete(const v1::Agreement& request, const v1::Agreement& computed);

// What is kept of a request that could not be computed.
v1::Agreement Failed(const v1::Agreement& request, const v1::Failure& failure);

// The largest of upper_bound - mean_cosine over pairs and sides: how far from proven optimal it is.
double LargestGap(const v1::Agreement& agreement);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_COMPARISON_H_
