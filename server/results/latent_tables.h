// Tables by latent of a stored agreement, in chunks for a stream.
#ifndef SEEDBED_SERVER_RESULTS_LATENT_TABLES_H_
#define SEEDBED_SERVER_RESULTS_LATENT_TABLES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "seedbed/v1/results.pb.h"

namespace seedbed {

// Latents in one chunk.
inline constexpr int64_t kLatentsPerChunk = 16384;

// Counterparts and cosines of the latents of the pair's a in b, from the matching in `pair_folder`; where a > b they
// are those of the stored pair the other way round. INVALID_ARGUMENT, naming the field, for a pair that the agreement
// has not; otherwise as ReadStoredPair.
absl::StatusOr<std::vector<v1::StreamLatentsResponse>> PairChunks(const std::string& pair_folder,
                                                                  const v1::Agreement& agreement,
                                                                  const v1::DictionaryPair& pair);

// The stability of each dictionary's latents, from the agreement's artifact. FAILED_PRECONDITION where it has none,
// DATA_LOSS, naming the file, where a table is gone or is not what its checksum says.
absl::StatusOr<std::vector<v1::StreamLatentsResponse>> StabilityChunks(const v1::Agreement& agreement);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_LATENT_TABLES_H_
