// The tokens of a stream, micro-batch by micro-batch.
#ifndef SEEDBED_SAE_ACTIVATIONS_SEQUENCE_SOURCE_H_
#define SEEDBED_SAE_ACTIVATIONS_SEQUENCE_SOURCE_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/activations/permutation.h"
#include "sae/activations/stream_config.h"
#include "sae/io/token_file.h"

namespace seedbed {

struct MicroBatch {
  at::Tensor tokens;     // int64 [sequences, sequence_length].
  at::Tensor kept_rows;  // int64, ascending: the positions of `tokens`, counted row-major, whose activations are kept.
};

// Thread-safe.
class SequenceSource {
 public:
  // `file`, which outlives the source, holds at least config.sequences sequences.
  SequenceSource(const StreamConfig& config, const TokenFile* file);

  // Sequences in micro-batch `index`; the last may have fewer than the others.
  int64_t SequencesIn(int64_t index) const;

  // Rows that the micro-batch gives, without reading it.
  int64_t KeptRowsIn(int64_t index) const;

  // As TokenFile::Read.
  absl::StatusOr<MicroBatch> Read(int64_t index) const;

 private:
  // The sequence of the file at place `index` of the stream.
  int64_t FileSequence(int64_t index) const;

  StreamConfig config_;
  const TokenFile* file_;
  Permutation order_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SEQUENCE_SOURCE_H_
