// How many rows a stream gives an epoch, before any model runs.
#ifndef SEEDBED_SAE_ACTIVATIONS_SEQUENCES_KEPT_ROWS_H_
#define SEEDBED_SAE_ACTIVATIONS_SEQUENCES_KEPT_ROWS_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/activations/stream_config.h"

namespace seedbed {

// Rows of all sequences of the mixture that are left after the config's exclusions. Reads every token, with `threads`
// threads (>= 1), the caller's among them, where exclusions depend on the tokens, and none otherwise. `on_progress`,
// which may be empty, is called now and then in the caller's thread with the sequences read so far.
//
// Errors: as CheckExclusion; of an id beyond the vocabulary as TokenFile::Read, the same whatever the threads.
absl::StatusOr<int64_t> CountKeptRows(const StreamConfig& config, const TokenMixture& mixture, int threads,
                                      const std::function<void(int64_t)>& on_progress = nullptr);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SEQUENCES_KEPT_ROWS_H_
