// Cores and memory that the sets computed at one time share. Pure.
#ifndef SEEDBED_SERVER_RESULTS_COMPUTE_BUDGET_H_
#define SEEDBED_SERVER_RESULTS_COMPUTE_BUDGET_H_

#include <algorithm>
#include <cstdint>

namespace seedbed {

// Not thread-safe.
class ComputeBudget {
 public:
  // At most `sets` at once.
  ComputeBudget(int cores, int64_t bytes, int sets) : free_cores_(cores), free_bytes_(bytes), free_sets_(sets) {}

  // Cores for the next of `waiting` sets, so that those that may start now have equally many; 0 = it has to wait.
  int CoresForNext(int waiting) const {
    if (waiting <= 0 || free_cores_ <= 0 || free_sets_ <= 0) return 0;
    return std::max(1, free_cores_ / std::min(waiting, free_sets_));
  }
  bool HasRoomFor(int64_t bytes) const { return bytes <= free_bytes_; }

  void Take(int cores, int64_t bytes) { Add(-cores, -bytes, -1); }
  void GiveBack(int cores, int64_t bytes) { Add(cores, bytes, 1); }

 private:
  void Add(int cores, int64_t bytes, int sets) {
    free_cores_ += cores;
    free_bytes_ += bytes;
    free_sets_ += sets;
  }

  int free_cores_;
  int64_t free_bytes_;
  int free_sets_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_COMPUTE_BUDGET_H_
