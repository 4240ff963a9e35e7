#include "sae/activations/permutation.h"

#include "common/random.h"

namespace seedbed {
namespace {

// A network over fewer bits reaches too few of the permutations of a tiny range.
constexpr int kLeastHalfBits = 4;

int HalfBitsFor(uint64_t size) {
  int half_bits = kLeastHalfBits;
  while (half_bits < 32 && (uint64_t{1} << (2 * half_bits)) < size) ++half_bits;
  return half_bits;
}

}  // namespace

Permutation::Permutation(uint64_t size, uint64_t key) : size_(size), half_bits_(HalfBitsFor(size)) {
  SplitMix64 keys(key);
  for (uint64_t& round_key : round_keys_) round_key = keys.Next();
}

uint64_t Permutation::At(uint64_t index) const {
  uint64_t value = index;
  do {
    value = Encrypt(value);
  } while (value >= size_);
  return value;
}

uint64_t Permutation::Encrypt(uint64_t value) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = value >> half_bits_;
  uint64_t right = value & mask;
  for (const uint64_t round_key : round_keys_) {
    const uint64_t next = left ^ (MixBits(right ^ round_key) & mask);
    left = right;
    right = next;
  }
  return (left << half_bits_) | right;
}

}  // namespace seedbed
