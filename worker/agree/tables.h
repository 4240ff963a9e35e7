// Tables by latent, as CSV.
#ifndef SEEDBED_WORKER_AGREE_TABLES_H_
#define SEEDBED_WORKER_AGREE_TABLES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "worker/agree/comparison.h"

namespace seedbed {

inline constexpr char kStabilityName[] = "stability.csv";

// "dictionary-A.csv": the stability of the dictionary at this place in a comparison, in a folder of tables.
std::string StabilityTableName(int64_t dictionary);

// A row for each latent of the pair's first dictionary: its counterparts (empty = none) and cosines on both sides, the
// largest cosines with any latent, whether it is shared, and its correlation where there are held-out rows.
std::string PairTable(const ComparedPair& pair, double threshold);

// A row for each latent of one dictionary: mean matched cosines over its siblings, how many of them it is found in, out
// of how many, and how often it fires where that is known.
std::string StabilityTable(const Comparison& comparison, int64_t dictionary, double threshold);

// Writes FOLDER/pair-A-B.csv for each pair and FOLDER/dictionary-A.csv (its stability) for each dictionary, A and B
// being their places in the comparison. Errors: as writing gives, with the path.
absl::Status WriteTables(const Comparison& comparison, double threshold, const std::string& folder);

// Writes the stability of each dictionary's latents into its own folder, as stability.csv.
absl::Status WriteStability(const Comparison& comparison, double threshold);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_TABLES_H_
