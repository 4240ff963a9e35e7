#include "sae/arch/cpu/firing_record.h"

#include <algorithm>

namespace seedbed {

FiringRecord::FiringRecord(const SaeConfig& config)
    : convention_(config.convention),
      dead_after_(config.dead_after_tokens),
      rows_since_(static_cast<size_t>(config.latents), 0),
      fired_(static_cast<size_t>(config.latents), 0) {}

void FiringRecord::BeginBatch() { std::fill(fired_.begin(), fired_.end(), uint8_t{0}); }

void FiringRecord::MarkFired(const RowEntries& entries, bool zeros) {
  for (size_t row = 0; row < static_cast<size_t>(entries.rows); ++row) {
    const int64_t first = entries.starts[row];
    const int64_t end = zeros ? entries.starts[row + 1] : first + entries.counts[row];
    for (int64_t e = first; e < end; ++e) fired_[entries.latents[static_cast<size_t>(e)]] = 1;
  }
}

void FiringRecord::FindDead(int64_t rows, std::vector<uint32_t>* dead) const {
  dead->clear();
  const bool counts_batch = convention_ == Convention::kDictionaryLearning;
  for (size_t i = 0; i < rows_since_.size(); ++i) {
    const bool is_dead =
        counts_batch ? (fired_[i] != 0 ? 0 : rows_since_[i] + rows) >= dead_after_ : rows_since_[i] > dead_after_;
    if (is_dead) dead->push_back(static_cast<uint32_t>(i));
  }
}

void FiringRecord::EndBatch(int64_t rows) {
  for (size_t i = 0; i < rows_since_.size(); ++i) rows_since_[i] = fired_[i] != 0 ? 0 : rows_since_[i] + rows;
}

int64_t FiringRecord::DeadLatents() const {
  return std::count_if(rows_since_.begin(), rows_since_.end(), [this](int64_t count) { return count > dead_after_; });
}

}  // namespace seedbed
