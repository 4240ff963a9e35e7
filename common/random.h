// Random numbers that are the same on every machine and library version: what a seed gives must never change.
#ifndef SEEDBED_COMMON_RANDOM_H_
#define SEEDBED_COMMON_RANDOM_H_

#include <cstdint>

namespace seedbed {

// One step of SplitMix64 (Steele, Lea & Flood 2014): a bijection of 64-bit words that mixes every bit.
constexpr uint64_t MixBits(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// Derives an independent seed for one purpose from a user's seed.
constexpr uint64_t DeriveSeed(uint64_t seed, uint64_t purpose) { return MixBits(MixBits(seed) ^ MixBits(~purpose)); }

// SplitMix64: 64 bits of state, so a checkpoint holds it whole. Not for secrets. Not thread-safe.
class SplitMix64 {
 public:
  explicit constexpr SplitMix64(uint64_t seed) : state_(seed) {}

  constexpr uint64_t Next() {
    const uint64_t out = MixBits(state_);
    state_ += 0x9E3779B97F4A7C15ull;
    return out;
  }

  // Uniform in [0, bound), bound >= 1, without bias (Lemire 2019, "Fast random integer generation in an interval").
  uint64_t Below(uint64_t bound) {
    unsigned __int128 product = static_cast<unsigned __int128>(Next()) * bound;
    if (static_cast<uint64_t>(product) < bound) {
      const uint64_t threshold = -bound % bound;
      while (static_cast<uint64_t>(product) < threshold) product = static_cast<unsigned __int128>(Next()) * bound;
    }
    return static_cast<uint64_t>(product >> 64);
  }

  // Uniform in [0, 1), a multiple of 2^-53.
  constexpr double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  constexpr uint64_t state() const { return state_; }

  // Calls visit(name, address) for the state.
  template <typename Visit>
  void VisitState(Visit&& visit) {
    visit("random", &state_);
  }

 private:
  uint64_t state_;
};

}  // namespace seedbed

#endif  // SEEDBED_COMMON_RANDOM_H_
