#include "sae/arch/kernels/batch_selection.h"

#include <immintrin.h>

#include <algorithm>

#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/float_bits.h"
#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

constexpr int64_t kVector = 8;
// Of the smallest rank kept: how far it may fall from batch to batch before one has to be seen twice.
constexpr float kGuess = 0.85f;

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

// One row's positive activations whose rank reaches `bound`, in ascending order of latent. Returns how many.
int64_t Collect(const PreActivations& pre, int64_t row, const float* norms, float bound, uint32_t* latents,
                float* values) {
  const float* activations = pre.values + row * pre.latents;
  const __m256 least = _mm256_set1_ps(bound);
  const __m256 zero = _mm256_setzero_ps();
  int64_t found = 0;
  int64_t i = 0;
  for (; i + kVector <= pre.latents; i += kVector) {
    const __m256 value = _mm256_loadu_ps(activations + i) + _mm256_loadu_ps(pre.bias + i);
    const __m256 rank = norms == nullptr ? value : value * _mm256_loadu_ps(norms + i);
    const __m256 reaches = _mm256_and_ps(_mm256_cmp_ps(rank, least, _CMP_GE_OQ), _mm256_cmp_ps(rank, zero, _CMP_GT_OQ));
    unsigned mask = static_cast<unsigned>(_mm256_movemask_ps(reaches));
    if (mask == 0) continue;
    alignas(32) float lanes[kVector];
    _mm256_store_ps(lanes, value);
    for (; mask != 0; mask &= mask - 1) {
      const int lane = __builtin_ctz(mask);
      latents[found] = static_cast<uint32_t>(i + lane);
      values[found++] = lanes[lane];
    }
  }
  for (; i < pre.latents; ++i) {
    const float value = activations[i] + pre.bias[i];
    const float rank = norms == nullptr ? value : value * norms[i];
    latents[found] = static_cast<uint32_t>(i);
    values[found] = value;
    found += static_cast<int64_t>(rank > 0 && rank >= bound);
  }
  return found;
}

}  // namespace

BatchSelection::BatchSelection(int64_t latents)
    : latents_(latents),
      piece_latents_(new uint32_t[static_cast<size_t>(kRowsAtOnce * latents)]),
      piece_values_(new float[static_cast<size_t>(kRowsAtOnce * latents)]) {}

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

void BatchSelection::Add(const PreActivations& pre) {
  for (int64_t begin = 0; begin < pre.rows; begin += kRowsAtOnce) {
    AddRows(pre, begin, std::min(pre.rows, begin + kRowsAtOnce));
    if (candidates_ >= 2 * count_) KeepLargest();
  }
}

void BatchSelection::AddRows(const PreActivations& pre, int64_t begin, int64_t end) {
  ForEachPiece(end - begin, kRowsInPiece, [&](int64_t first, int64_t last, int) {
    int64_t place = first * latents_;
    for (int64_t r = first; r < last; ++r) {
      const int64_t found =
          Collect(pre, begin + r, norms_, bound_, piece_latents_.get() + place, piece_values_.get() + place);
      counts_[static_cast<size_t>(pre.first_row + begin + r)] = static_cast<int32_t>(found);
      place += found;
    }
  });
  for (int64_t first = 0; first < end - begin; first += kRowsInPiece) {
    AppendPiece(first, pre.first_row + begin + first, std::min(kRowsInPiece, end - begin - first));
  }
  rows_ = pre.first_row + end;
}

void BatchSelection::AppendPiece(int64_t piece, int64_t first_row, int64_t rows) {
  int64_t found = 0;
  for (int64_t r = first_row; r < first_row + rows; ++r) found += counts_[static_cast<size_t>(r)];
  Grow(candidates_ + found);
  const int64_t place = piece * latents_;
  std::copy_n(piece_latents_.get() + place, found, candidate_latents_.get() + candidates_);
  std::copy_n(piece_values_.get() + place, found, values_.get() + candidates_);
  candidates_ += found;
}

float BatchSelection::Rank(int64_t candidate) const {
  const float value = values_[static_cast<size_t>(candidate)];
  return norms_ == nullptr ? value : value * norms_[candidate_latents_[static_cast<size_t>(candidate)]];
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
    float smallest = Rank(0);
    for (int64_t c = 1; c < candidates_; ++c) smallest = std::min(smallest, Rank(c));
    guess_ = kGuess * smallest;
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
