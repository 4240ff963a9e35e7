#include "sae/activations/sequences/token_set.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace seedbed {
namespace {

constexpr int64_t kLowBitsMask = 0xFFFF;

// Up to here one pass of vector comparisons an id is faster than a look-up a token.
constexpr size_t kFewIds = 16;

// Counts in a lane as wide as a token, so that a vector holds as many counters as tokens; a lane of 16 bits is full
// after 65,535.
template <typename Token>
int64_t CountEqual(absl::Span<const Token> tokens, Token id) {
  constexpr size_t kStretch = std::numeric_limits<uint16_t>::max();
  int64_t count = 0;
  for (size_t begin = 0; begin < tokens.size(); begin += kStretch) {
    Token in_stretch = 0;
    for (const Token token : tokens.subspan(begin, kStretch)) in_stretch += token == id;
    count += in_stretch;
  }
  return count;
}

}  // namespace

TokenSet::TokenSet(std::vector<int64_t> ids) : ids_(std::move(ids)), low_bits_((kLowBitsMask + 1) / 64, 0) {
  for (const int64_t id : ids_) {
    const uint64_t low = static_cast<uint64_t>(id) & kLowBitsMask;
    low_bits_[low / 64] |= uint64_t{1} << (low % 64);
  }
}

bool TokenSet::HasLowBitsOf(uint64_t id) const {
  const uint64_t low = id & kLowBitsMask;
  return (low_bits_[low / 64] >> (low % 64) & 1) != 0;
}

bool TokenSet::Contains(int64_t id) const {
  return HasLowBitsOf(static_cast<uint64_t>(id)) && std::binary_search(ids_.begin(), ids_.end(), id);
}

template <typename Token>
int64_t TokenSet::CountIn(absl::Span<const Token> tokens) const {
  int64_t count = 0;
  if (ids_.size() <= kFewIds) {
    for (const int64_t id : ids_) {
      if (id <= std::numeric_limits<Token>::max()) count += CountEqual(tokens, static_cast<Token>(id));
    }
  } else if (ids_.back() <= kLowBitsMask) {
    // The low bits are the whole id; without a branch this takes the same time whatever the tokens.
    for (const Token token : tokens) count += HasLowBitsOf(token) & (token <= kLowBitsMask);
  } else {
    for (const Token token : tokens) count += Contains(token);
  }
  return count;
}

template int64_t TokenSet::CountIn(absl::Span<const uint16_t> tokens) const;
template int64_t TokenSet::CountIn(absl::Span<const uint32_t> tokens) const;

}  // namespace seedbed
