// A seeded permutation that is computed where it is asked and kept nowhere.
#ifndef SEEDBED_SAE_ACTIVATIONS_PERMUTATION_H_
#define SEEDBED_SAE_ACTIVATIONS_PERMUTATION_H_

#include <array>
#include <cstdint>

namespace seedbed {

// A bijection of [0, size): a balanced Feistel network (Luby & Rackoff 1988) over the least power of four that holds
// `size` (and at least 256), walked along its cycle until it falls into range (Black & Rogaway 2002, "Ciphers with
// arbitrary finite domains"): four walks a value on average at most, from a size of 64 on. What (size, key) gives never
// changes. Immutable.
class Permutation {
 public:
  // size >= 1.
  Permutation(uint64_t size, uint64_t key);

  uint64_t size() const { return size_; }

  // index < size.
  uint64_t At(uint64_t index) const;

 private:
  static constexpr int kRounds = 8;

  uint64_t Encrypt(uint64_t value) const;

  uint64_t size_;
  int half_bits_;
  std::array<uint64_t, kRounds> round_keys_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_PERMUTATION_H_
