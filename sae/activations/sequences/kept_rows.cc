#include "sae/activations/sequences/kept_rows.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/status.h"
#include "sae/activations/sequences/exclusion.h"
#include "sae/activations/sequences/sequence_order.h"

namespace seedbed {
namespace {

// Enough work that taking the next stretch costs nothing, and little enough that threads end together.
constexpr int64_t kStretchTokens = int64_t{1} << 20;

// The begin-th to (end-1)-th sequence that is taken from a file.
struct Stretch {
  size_t file = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

std::vector<Stretch> StretchesOf(const TokenMixture& mixture) {
  const int64_t sequences = std::max<int64_t>(1, kStretchTokens / mixture.sequence_length());
  std::vector<Stretch> stretches;
  for (size_t file = 0; file < mixture.files().size(); ++file) {
    const int64_t taken = mixture.SequencesTakenFrom(file);
    for (int64_t begin = 0; begin < taken; begin += sequences) {
      stretches.push_back({file, begin, std::min(begin + sequences, taken)});
    }
  }
  return stretches;
}

// The stretches of a mixture, counted by threads that each take the next one.
class Count {
 public:
  Count(const StreamConfig& config, const TokenMixture& mixture)
      : mixture_(mixture), exclusion_(config), order_(config, &mixture), stretches_(StretchesOf(mixture)) {}

  // Counts until nothing is left to take.
  void Run(const std::function<void(int64_t)>& on_progress) {
    while (!failed_) {
      const size_t i = next_++;
      if (i >= stretches_.size()) return;
      const absl::StatusOr<int64_t> rows = CountIn(stretches_[i]);
      if (!rows.ok()) return Fail(i, rows.status());
      rows_ += *rows;
      sequences_ += stretches_[i].end - stretches_[i].begin;
      if (on_progress) on_progress(sequences_);
    }
  }

  // Once all threads have ended.
  absl::StatusOr<int64_t> Result() const {
    RETURN_IF_ERROR(status_);
    return rows_.load();
  }

 private:
  absl::StatusOr<int64_t> CountIn(const Stretch& stretch) const {
    const TokenFile& file = mixture_.files()[stretch.file];
    const int64_t length = mixture_.sequence_length();
    // Of a file that is taken whole the order does not matter, and as it lies it is read fastest.
    const bool is_whole = mixture_.SequencesTakenFrom(stretch.file) == mixture_.SequencesIn(stretch.file);
    int64_t rows = 0;
    for (int64_t k = stretch.begin; k < stretch.end; ++k) {
      const int64_t sequence = is_whole ? k : order_.SequenceOf(stretch.file, k);
      ASSIGN_OR_RETURN(const int64_t kept, exclusion_.CountKept(file, sequence * length, length));
      rows += kept;
    }
    return rows;
  }

  // Of several errors the first in the order of stretches stays. It is the same on every run: all stretches before one
  // that was taken were taken too, and what was taken is counted to its end.
  void Fail(size_t stretch, const absl::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (status_.ok() || stretch < failed_stretch_) {
      status_ = status;
      failed_stretch_ = stretch;
    }
    failed_ = true;
  }

  const TokenMixture& mixture_;
  const Exclusion exclusion_;
  const SequenceOrder order_;
  const std::vector<Stretch> stretches_;
  std::atomic<size_t> next_{0};
  std::atomic<int64_t> rows_{0};
  std::atomic<int64_t> sequences_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  absl::Status status_;        // Guarded by mutex_ while threads run.
  size_t failed_stretch_ = 0;  // As status_.
};

}  // namespace

absl::StatusOr<int64_t> CountKeptRows(const StreamConfig& config, const TokenMixture& mixture, int threads,
                                      const std::function<void(int64_t)>& on_progress) {
  RETURN_IF_ERROR(CheckExclusion(config, mixture));
  if (!config.excludes_by_token()) return mixture.sequences() * (mixture.sequence_length() - config.exclude_first);
  Count count(config, mixture);
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&count] { count.Run(nullptr); });
  count.Run(on_progress);
  for (std::thread& other : others) other.join();
  return count.Result();
}

}  // namespace seedbed
