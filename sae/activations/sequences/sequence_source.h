// The tokens of a stream, micro-batch by micro-batch.
#ifndef SEEDBED_SAE_ACTIVATIONS_SEQUENCES_SEQUENCE_SOURCE_H_
#define SEEDBED_SAE_ACTIVATIONS_SEQUENCES_SEQUENCE_SOURCE_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/activations/sequences/exclusion.h"
#include "sae/activations/sequences/sequence_order.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/activations/stream_config.h"

namespace seedbed {

struct MicroBatch {
  at::Tensor tokens;     // int64 [sequences, sequence_length]; whole sequences, whatever is left out.
  at::Tensor kept_rows;  // int64, ascending: the positions of `tokens`, counted row-major, whose activations are kept.
};

// The sequences at `locations` of the mixture's files, in that order. Errors: as TokenFile::Read.
absl::StatusOr<MicroBatch> ReadSequences(const TokenMixture& mixture, const Exclusion& exclusion,
                                         absl::Span<const SequenceOrder::Location> locations);

// Thread-safe.
class SequenceSource {
 public:
  // `mixture`, which outlives the source, holds config.sequences sequences; the config passed CheckExclusion.
  SequenceSource(const StreamConfig& config, const TokenMixture* mixture);

  // Sequences in micro-batch `index`; the last may have fewer than the others.
  int64_t SequencesIn(int64_t index) const;

  // Rows that the micro-batch gives: arithmetic, or its tokens are read where they decide it. Errors: as
  // TokenFile::Read.
  absl::StatusOr<int64_t> KeptRowsIn(int64_t index) const;

  // As TokenFile::Read.
  absl::StatusOr<MicroBatch> Read(int64_t index) const;

 private:
  StreamConfig config_;
  const TokenMixture* mixture_;
  SequenceOrder order_;
  Exclusion exclusion_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SEQUENCES_SEQUENCE_SOURCE_H_
