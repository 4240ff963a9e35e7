// Which positions of a sequence give a row: none of the first exclude_first, no token of exclude_tokens, and nothing of
// the run of padding_token that ends the sequence. The language model reads whole sequences all the same.
#ifndef SEEDBED_SAE_ACTIVATIONS_SEQUENCES_EXCLUSION_H_
#define SEEDBED_SAE_ACTIVATIONS_SEQUENCES_EXCLUSION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/activations/sequences/token_set.h"
#include "sae/activations/stream_config.h"
#include "sae/io/token_file.h"

namespace seedbed {

// INVALID_ARGUMENT, naming the field: ids that are negative, beyond the mixture's vocabulary or not ascending; rows of
// padding that would be kept, which is what a file was padded with and neither field names.
absl::Status CheckExclusion(const StreamConfig& config, const TokenMixture& mixture);

// Immutable.
class Exclusion {
 public:
  // A config that passed CheckExclusion.
  explicit Exclusion(const StreamConfig& config);

  // Rows that the sequence of `length` tokens from position `offset` of the file gives, counted in the map. Errors: as
  // TokenFile::Read.
  absl::StatusOr<int64_t> CountKept(const TokenFile& file, int64_t offset, int64_t length) const;

  // Appends the positions that give a row, ascending, each plus `first`.
  void AppendKept(absl::Span<const int64_t> sequence, int64_t first, std::vector<int64_t>& rows) const;

 private:
  // What lies between the positions left out at the start and the padding.
  struct Range {
    size_t begin = 0;
    size_t end = 0;  // >= begin.
  };
  template <typename Token>
  Range Inner(absl::Span<const Token> sequence) const;
  template <typename Token>
  int64_t CountKept(absl::Span<const Token> sequence) const;

  size_t exclude_first_;
  std::optional<int64_t> padding_token_;
  TokenSet excluded_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SEQUENCES_EXCLUSION_H_
