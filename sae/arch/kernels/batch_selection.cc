#include "sae/arch/kernels/batch_selection.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sae/arch/kernels/float_bits.h"

namespace seedbed {
namespace {

// By which part of itself the smallest rank kept may fall from batch to batch before one has to be seen twice: this
// multiple of what it changed by last, within limits.
constexpr float kChanges = 3;
constexpr float kLeastFall = 0.03f;
constexpr float kLargestFall = 0.15f;

// The `count`-th largest of more values above 0. Floats above 0 are ordered as their bits.
float SmallestKept(const float* values, int64_t size, int64_t count) {
  uint32_t low = 0;  // At least `count` reach it, fewer reach `high`.
  uint32_t high = BitsOf(*std::max_element(values, values + size)) + 1;
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    const float least = FloatOf(middle);
    int64_t reach = 0;
    for (int64_t i = 0; i < size; ++i) reach += static_cast<int64_t>(values[i] >= least);
    (reach >= count ? low : high) = middle;
  }
  return FloatOf(low);
}

}  // namespace

void BatchSelection::Begin(int64_t rows, int64_t count, const float* norms) {
  rows_ = 0;
  count_ = count;
  norms_ = norms;
  candidates_ = 0;
  bound_ = guess_;
  is_guessed_ = guess_ > 0;
  guess_ = 0;
  if (static_cast<int64_t>(counts_.size()) < rows) counts_.resize(static_cast<size_t>(rows));
  Grow(3 * count);
}

void BatchSelection::Guess(float bound) {
  bound_ = bound;
  is_guessed_ = bound > 0;
}

void BatchSelection::Append(const ReachingRows& found) {
  const int64_t count = std::accumulate(found.counts, found.counts + found.rows, int64_t{0});
  Grow(candidates_ + count);
  std::copy_n(found.counts, found.rows, counts_.begin() + found.first_row);
  std::copy_n(found.latents, count, candidate_latents_.get() + candidates_);
  std::copy_n(found.values, count, values_.get() + candidates_);
  candidates_ += count;
  rows_ = found.first_row + found.rows;
  if (candidates_ >= 2 * count_) KeepLargest();
}

float BatchSelection::Rank(int64_t candidate) const {
  const float value = values_[static_cast<size_t>(candidate)];
  return norms_ == nullptr ? value : value * norms_[candidate_latents_[static_cast<size_t>(candidate)]];
}

float BatchSelection::SmallestRank() const {
  float smallest = Rank(0);
  for (int64_t c = 1; c < candidates_; ++c) smallest = std::min(smallest, Rank(c));
  return smallest;
}

void BatchSelection::KeepLargest() {
  for (int64_t c = 0; c < candidates_; ++c) ranks_[static_cast<size_t>(c)] = Rank(c);
  const float* ranks = ranks_.get();
  const float smallest = SmallestKept(ranks, candidates_, count_);
  int64_t ties = count_ - std::count_if(ranks, ranks + candidates_, [&](float rank) { return rank > smallest; });
  int64_t kept = 0;
  int64_t c = 0;
  for (int64_t row = 0; row < rows_; ++row) {
    const int64_t before = kept;
    for (const int64_t end = c + counts_[static_cast<size_t>(row)]; c < end; ++c) {
      const bool tie = ranks[c] == smallest;
      const bool keep = ranks[c] > smallest || (tie && ties > 0);
      ties -= static_cast<int64_t>(tie);
      candidate_latents_[static_cast<size_t>(kept)] = candidate_latents_[static_cast<size_t>(c)];
      values_[static_cast<size_t>(kept)] = values_[static_cast<size_t>(c)];
      kept += static_cast<int64_t>(keep);
    }
    counts_[static_cast<size_t>(row)] = static_cast<int32_t>(kept - before);
  }
  candidates_ = kept;
  bound_ = smallest;
  is_guessed_ = false;
}

bool BatchSelection::Finish(RowEntries* entries) {
  if (candidates_ < count_ && is_guessed_) return false;
  if (candidates_ > count_) KeepLargest();
  // A batch that fills no `count` says nothing about the next one.
  if (candidates_ == count_) {
    const float smallest = SmallestRank();
    const float change = smallest_ > 0 ? std::abs(smallest - smallest_) / smallest_ : kLargestFall;
    guess_ = smallest * (1 - std::clamp(kChanges * change, kLeastFall, kLargestFall));
    smallest_ = smallest;
  }
  entries->rows = rows_;
  entries->Resize(rows_, 0);
  entries->Reserve(count_);
  int64_t start = 0;
  for (int64_t row = 0; row < rows_; ++row) {
    entries->starts[static_cast<size_t>(row)] = start;
    entries->counts[static_cast<size_t>(row)] = counts_[static_cast<size_t>(row)];
    start += counts_[static_cast<size_t>(row)];
  }
  entries->starts[static_cast<size_t>(rows_)] = start;
  std::copy_n(candidate_latents_.get(), candidates_, entries->latents.begin());
  std::copy_n(values_.get(), candidates_, entries->values.begin());
  return true;
}

void BatchSelection::Grow(int64_t capacity) {
  if (capacity <= capacity_) return;
  const auto grow = [&](auto* array) {
    using Value = std::remove_reference_t<decltype((*array)[0])>;
    std::unique_ptr<Value[]> larger(new Value[static_cast<size_t>(capacity)]);
    std::copy_n(array->get(), candidates_, larger.get());
    *array = std::move(larger);
  };
  grow(&candidate_latents_);
  grow(&values_);
  grow(&ranks_);
  capacity_ = capacity;
}

}  // namespace seedbed
