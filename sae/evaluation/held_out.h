// Sequences of a stream's token files that its training never reads.
//
// SequenceOrder numbers all F_j sequences of file j, P_j(0) .. P_j(F_j - 1), and training takes the first n_j of them.
// Held out are the last h_j. No sequence is in both: P_j is a permutation, and n_j + h_j <= F_j is checked. What is
// held out depends on the files, the sequence length and the order, and on the n_j by their ratio alone, so that a
// longer training on the same mixture is evaluated on the same tokens.
#ifndef SEEDBED_SAE_EVALUATION_HELD_OUT_H_
#define SEEDBED_SAE_EVALUATION_HELD_OUT_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/activations/sequences/sequence_order.h"
#include "sae/activations/sequences/sequence_source.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/activations/stream_config.h"

namespace seedbed {

// `sequences` of them, divided among the files as training divides its own, file by file.
//
// Errors: INVALID_ARGUMENT for fewer than 1; OUT_OF_RANGE, naming the file, where it has too few that are not trained
// on.
absl::StatusOr<std::vector<SequenceOrder::Location>> HeldOutLocations(const StreamConfig& config,
                                                                      const TokenMixture& mixture, int64_t sequences);

// Whether that many can be held out and a model's predictions measured on them. Reads no more tokens than it takes to
// find a position that counts; the config passed CheckExclusion. Errors: as above and as TokenFile::Read;
// INVALID_ARGUMENT where no position counts (counted_positions.h).
absl::Status CheckHeldOut(const StreamConfig& config, const TokenMixture& mixture, int64_t sequences);

// Those sequences in micro-batches of config.micro_batch_sequences, the last of which may have fewer. Rows are left out
// as in training. Errors: as CheckHeldOut.
absl::StatusOr<std::vector<MicroBatch>> ReadHeldOut(const StreamConfig& config, const TokenMixture& mixture,
                                                    int64_t sequences);

}  // namespace seedbed

#endif  // SEEDBED_SAE_EVALUATION_HELD_OUT_H_
