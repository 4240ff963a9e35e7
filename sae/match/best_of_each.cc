#include "sae/match/best_of_each.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>

namespace seedbed {
namespace {

constexpr uint32_t kLast = 0xFFFFFFFFu;
constexpr uint32_t kSign = 0x80000000u;

// Bits that are ordered as the numbers are: without a sign bit positive ones come after all negative ones, whose order
// is the other way round.
uint32_t OrderedBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

float FloatOf(uint32_t ordered) {
  const uint32_t bits = (ordered & kSign) != 0 ? ordered & ~kSign : ~ordered;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace

BestOfEach::BestOfEach(int64_t rows, int64_t most, int64_t others, int64_t first_row)
    : most_(most),
      others_(others),
      first_row_(first_row),
      kept_(static_cast<size_t>(rows * 2 * most)),
      counts_(static_cast<size_t>(rows)),
      thresholds_(static_cast<size_t>(rows)) {
  Clear(first_row);
}

void BestOfEach::Clear(int64_t first_row) {
  first_row_ = first_row;
  std::fill(counts_.begin(), counts_.end(), 0);
  std::fill(thresholds_.begin(), thresholds_.end(), -std::numeric_limits<float>::infinity());
}

uint64_t BestOfEach::KeyOf(int64_t row, Scored scored) const {
  const int64_t number = NumberOf(row);
  const int64_t follows = scored.index >= number ? scored.index - number : scored.index - number + others_;
  return static_cast<uint64_t>(OrderedBits(scored.score)) << 32 | (kLast - static_cast<uint32_t>(follows));
}

Scored BestOfEach::ScoredOf(int64_t row, uint64_t key) const {
  const int64_t index = NumberOf(row) + (kLast - static_cast<uint32_t>(key));
  return {FloatOf(static_cast<uint32_t>(key >> 32)), static_cast<int32_t>(index % others_)};
}

void BestOfEach::Offer(int64_t row, float score, int32_t index) {
  if (score < threshold(row)) return;
  int32_t& count = counts_[static_cast<size_t>(row)];
  // Of the two zeros one would be the better.
  kept_[static_cast<size_t>(row * 2 * most_ + count)] = KeyOf(row, {score + 0.0f, index});
  if (++count == 2 * most_) KeepBest(row);
}

void BestOfEach::KeepBest(int64_t row) {
  int32_t& count = counts_[static_cast<size_t>(row)];
  if (count < most_) return;
  uint64_t* kept = kept_.data() + row * 2 * most_;
  std::nth_element(kept, kept + most_ - 1, kept + count, std::greater<>());
  count = static_cast<int32_t>(most_);
  RaiseThreshold(row, ScoredOf(row, kept[most_ - 1]).score);
}

std::vector<Scored> BestOfEach::Finish(int64_t row) {
  KeepBest(row);
  uint64_t* kept = kept_.data() + row * 2 * most_;
  const int32_t count = counts_[static_cast<size_t>(row)];
  std::sort(kept, kept + count, std::greater<>());
  std::vector<Scored> best;
  for (int32_t k = 0; k < count; ++k) best.push_back(ScoredOf(row, kept[k]));
  return best;
}

}  // namespace seedbed
