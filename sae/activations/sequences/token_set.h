// A set of token ids, made for going through many tokens.
#ifndef SEEDBED_SAE_ACTIVATIONS_SEQUENCES_TOKEN_SET_H_
#define SEEDBED_SAE_ACTIVATIONS_SEQUENCES_TOKEN_SET_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace seedbed {

// Immutable.
class TokenSet {
 public:
  // Ascending, all different, 0 <= id < 2^32.
  explicit TokenSet(std::vector<int64_t> ids);

  bool Contains(int64_t id) const;

  // How many of the tokens are in the set: at nearly memory's speed for the few ids that a sweep usually names, in a
  // few nanoseconds a token for many.
  template <typename Token>  // uint16_t or uint32_t.
  int64_t CountIn(absl::Span<const Token> tokens) const;

 private:
  // Whether an id of the set has the same low bits.
  bool HasLowBitsOf(uint64_t id) const;

  std::vector<int64_t> ids_;
  // Bit i is set where an id of the set ends in the 16 bits i: 8 kB that stay in the first cache, whatever the
  // vocabulary, and answer nearly all questions.
  std::vector<uint64_t> low_bits_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SEQUENCES_TOKEN_SET_H_
