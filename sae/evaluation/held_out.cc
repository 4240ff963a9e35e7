#include "sae/evaluation/held_out.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/mixture.h"
#include "common/status.h"
#include "sae/activations/sequences/exclusion.h"
#include "sae/evaluation/counted_positions.h"

namespace seedbed {
namespace {

// By file.
std::vector<int64_t> Divide(const TokenMixture& mixture, int64_t sequences) {
  std::vector<double> weights;
  for (size_t file = 0; file < mixture.files().size(); ++file) {
    weights.push_back(static_cast<double>(mixture.SequencesTakenFrom(file)));
  }
  return DivideSequences(sequences, weights);
}

absl::Status CheckHolds(const TokenMixture& mixture, size_t file, int64_t held_out) {
  const int64_t all = mixture.SequencesIn(file);
  const int64_t trained_on = mixture.SequencesTakenFrom(file);
  if (held_out <= all - trained_on) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat(
      mixture.files()[file].path(), ": has ", all, " sequences of ", mixture.sequence_length(), " tokens, of which ",
      trained_on, " are trained on; at most the other ", all - trained_on, " can be held out, not ", held_out));
}

}  // namespace

absl::StatusOr<std::vector<SequenceOrder::Location>> HeldOutLocations(const StreamConfig& config,
                                                                      const TokenMixture& mixture, int64_t sequences) {
  if (sequences < 1) {
    return absl::InvalidArgumentError(absl::StrCat(sequences, " sequences are to be held out; must be at least 1"));
  }
  const std::vector<int64_t> shares = Divide(mixture, sequences);
  for (size_t file = 0; file < shares.size(); ++file) RETURN_IF_ERROR(CheckHolds(mixture, file, shares[file]));
  const SequenceOrder order(config, &mixture);
  std::vector<SequenceOrder::Location> locations;
  for (size_t file = 0; file < shares.size(); ++file) {
    const int64_t all = mixture.SequencesIn(file);
    for (int64_t k = all - shares[file]; k < all; ++k) locations.push_back({file, order.SequenceOf(file, k)});
  }
  return locations;
}

absl::Status CheckHeldOut(const StreamConfig& config, const TokenMixture& mixture, int64_t sequences) {
  ASSIGN_OR_RETURN(const std::vector<SequenceOrder::Location> locations, HeldOutLocations(config, mixture, sequences));
  const Exclusion exclusion(config);
  for (const SequenceOrder::Location& location : locations) {
    ASSIGN_OR_RETURN(const MicroBatch sequence, ReadSequences(mixture, exclusion, {location}));
    if (CountedPositions(sequence).numel() > 0) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no position of the ", sequences, " held-out sequences of ", mixture.sequence_length(),
                   " tokens is kept and has a token after it; there must be at least one"));
}

absl::StatusOr<std::vector<MicroBatch>> ReadHeldOut(const StreamConfig& config, const TokenMixture& mixture,
                                                    int64_t sequences) {
  RETURN_IF_ERROR(CheckHeldOut(config, mixture, sequences));
  ASSIGN_OR_RETURN(const std::vector<SequenceOrder::Location> locations, HeldOutLocations(config, mixture, sequences));
  const Exclusion exclusion(config);
  const auto together = static_cast<size_t>(config.micro_batch_sequences);
  std::vector<MicroBatch> micro_batches;
  for (size_t first = 0; first < locations.size(); first += together) {
    ASSIGN_OR_RETURN(MicroBatch micro_batch,
                     ReadSequences(mixture, exclusion, absl::MakeConstSpan(locations).subspan(first, together)));
    micro_batches.push_back(std::move(micro_batch));
  }
  return micro_batches;
}

}  // namespace seedbed
