#include "sae/activations/sequences/sequence_source.h"

#include <algorithm>
#include <vector>

#include "ATen/ops/empty.h"
#include "ATen/ops/tensor.h"
#include "absl/types/span.h"
#include "common/status.h"

namespace seedbed {

absl::StatusOr<MicroBatch> ReadSequences(const TokenMixture& mixture, const Exclusion& exclusion,
                                         absl::Span<const SequenceOrder::Location> locations) {
  const auto sequences = static_cast<int64_t>(locations.size());
  const int64_t length = mixture.sequence_length();
  MicroBatch out;
  out.tokens = at::empty({sequences, length}, at::kLong);
  std::vector<int64_t> kept_rows;
  kept_rows.reserve(static_cast<size_t>(sequences * length));
  for (int64_t i = 0; i < sequences; ++i) {
    const SequenceOrder::Location& at = locations[static_cast<size_t>(i)];
    const absl::Span<int64_t> tokens(out.tokens.data_ptr<int64_t>() + i * length, static_cast<size_t>(length));
    RETURN_IF_ERROR(mixture.files()[at.file].Read(at.sequence * length, tokens));
    exclusion.AppendKept(tokens, i * length, kept_rows);
  }
  out.kept_rows = at::tensor(kept_rows, at::kLong);
  return out;
}

SequenceSource::SequenceSource(const StreamConfig& config, const TokenMixture* mixture)
    : config_(config), mixture_(mixture), order_(config, mixture), exclusion_(config) {}

int64_t SequenceSource::SequencesIn(int64_t index) const {
  return std::min(config_.micro_batch_sequences, config_.sequences - index * config_.micro_batch_sequences);
}

absl::StatusOr<int64_t> SequenceSource::KeptRowsIn(int64_t index) const {
  const int64_t sequences = SequencesIn(index);
  if (!config_.excludes_by_token()) return sequences * (config_.sequence_length - config_.exclude_first);
  const int64_t length = config_.sequence_length;
  int64_t rows = 0;
  for (int64_t i = 0; i < sequences; ++i) {
    const SequenceOrder::Location at = order_.At(index * config_.micro_batch_sequences + i);
    ASSIGN_OR_RETURN(const int64_t kept,
                     exclusion_.CountKept(mixture_->files()[at.file], at.sequence * length, length));
    rows += kept;
  }
  return rows;
}

absl::StatusOr<MicroBatch> SequenceSource::Read(int64_t index) const {
  std::vector<SequenceOrder::Location> locations;
  for (int64_t i = 0; i < SequencesIn(index); ++i) {
    locations.push_back(order_.At(index * config_.micro_batch_sequences + i));
  }
  return ReadSequences(*mixture_, exclusion_, locations);
}

}  // namespace seedbed
