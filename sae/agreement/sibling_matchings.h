// The matchings between all pairs of some dictionaries, seen from each of the two.
#ifndef SEEDBED_SAE_AGREEMENT_SIBLING_MATCHINGS_H_
#define SEEDBED_SAE_AGREEMENT_SIBLING_MATCHINGS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace seedbed {

// A cosine is "at or above" a threshold when it is >= threshold - 1e-12 and "above" when it is > threshold + 1e-12: the
// rounding of a dot product must not decide whether a latent equals its own copy.
inline bool AtOrAbove(double cosine, double threshold) { return cosine >= threshold - 1e-12; }
inline bool Above(double cosine, double threshold) { return cosine > threshold + 1e-12; }

// What a matching of one side (decoder or encoder rows) says of each latent of a dictionary.
struct SideCounterparts {
  std::vector<int32_t> counterpart;  // Of the other dictionary; -1 = none.
  std::vector<double> cosine;        // With the counterpart; 0 where there is none.
};

// Of the latents of one dictionary in another.
struct Counterparts {
  SideCounterparts decoder;
  SideCounterparts encoder;

  int64_t latents() const { return static_cast<int64_t>(decoder.counterpart.size()); }
  // Both sides have the same counterpart, and there is one.
  bool Equal(int64_t latent) const;
  // ... and both cosines are at or above the threshold: the latent is found in the other dictionary.
  bool Strict(int64_t latent, double threshold) const;
  // Both cosines are above the threshold, whatever the counterparts.
  bool Aligned(int64_t latent, double threshold) const;
};

// The same matchings from the other dictionary, which has `latents`. INVALID_ARGUMENT for a counterpart out of range
// or one that two latents have.
absl::StatusOr<Counterparts> Inverse(const Counterparts& counterparts, int64_t latents);

// Immutable.
class SiblingMatchings {
 public:
  // `pairs` are (0,1), (0,2), ..., (1,2), ... of S = latents.size() >= 2 dictionaries, each seen from its first one.
  // INVALID_ARGUMENT, naming the numbers, where there are not S (S - 1) / 2 of them, where their sizes are not
  // `latents`, or as Inverse.
  static absl::StatusOr<SiblingMatchings> Make(std::vector<int64_t> latents, std::vector<Counterparts> pairs);

  int64_t dictionaries() const { return static_cast<int64_t>(latents_.size()); }
  int64_t latents(int64_t dictionary) const { return latents_[static_cast<size_t>(dictionary)]; }
  // Of the latents of `from` in `to`; they differ.
  const Counterparts& Of(int64_t from, int64_t to) const {
    return matchings_[static_cast<size_t>(from * dictionaries() + to)];
  }

 private:
  SiblingMatchings(std::vector<int64_t> latents, std::vector<Counterparts> matchings)
      : latents_(std::move(latents)), matchings_(std::move(matchings)) {}

  std::vector<int64_t> latents_;
  std::vector<Counterparts> matchings_;  // [S, S]; none on the diagonal.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_AGREEMENT_SIBLING_MATCHINGS_H_
