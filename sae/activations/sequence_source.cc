#include "sae/activations/sequence_source.h"

#include <algorithm>

#include "ATen/ops/arange.h"
#include "ATen/ops/empty.h"
#include "absl/types/span.h"
#include "common/status.h"
#include "sae/activations/stream_seeds.h"

namespace seedbed {

SequenceSource::SequenceSource(const StreamConfig& config, const TokenFile* file)
    : config_(config),
      file_(file),
      order_(static_cast<uint64_t>(file->size() / config.sequence_length), SequenceOrderSeed(config.seed)) {}

int64_t SequenceSource::SequencesIn(int64_t index) const {
  return std::min(config_.micro_batch_sequences, config_.sequences - index * config_.micro_batch_sequences);
}

int64_t SequenceSource::KeptRowsIn(int64_t index) const {
  return SequencesIn(index) * (config_.sequence_length - config_.exclude_first);
}

absl::StatusOr<MicroBatch> SequenceSource::Read(int64_t index) const {
  const int64_t sequences = SequencesIn(index);
  const int64_t length = config_.sequence_length;
  MicroBatch out;
  out.tokens = at::empty({sequences, length}, at::kLong);
  for (int64_t i = 0; i < sequences; ++i) {
    const int64_t sequence = FileSequence(index * config_.micro_batch_sequences + i);
    const absl::Span<int64_t> tokens(out.tokens.data_ptr<int64_t>() + i * length, static_cast<size_t>(length));
    RETURN_IF_ERROR(file_->Read(sequence * length, tokens));
  }
  out.kept_rows =
      at::arange(sequences * length, at::kLong).view({sequences, length}).slice(1, config_.exclude_first).reshape({-1});
  return out;
}

int64_t SequenceSource::FileSequence(int64_t index) const {
  return config_.shuffled ? static_cast<int64_t>(order_.At(static_cast<uint64_t>(index))) : index;
}

}  // namespace seedbed
