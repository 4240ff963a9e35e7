// Slots that are kept for gangs that come next, and what may be filled in before them.
#ifndef SEEDBED_SERVER_SCHEDULER_RESERVATIONS_H_
#define SEEDBED_SERVER_SCHEDULER_RESERVATIONS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "server/scheduler/cluster.h"
#include "server/scheduler/scheduling_problem.h"

namespace seedbed {

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// Backfilling after EASY (Lifka 1995, "The ANL/IBM SP Scheduling System"), with a reservation for the first gang of
// each pool that can't be placed: the time at which enough slots of the pool will be free, by the estimated ends of the
// gangs that run, and the slots that will be free beyond those that it wants. A gang that comes after it gets slots of
// the pool only where it ends by then, or where it takes no more than the extra ones, so the reservation is kept if
// every gang ends by its estimate. A gang of unknown end frees nothing, so where only such gangs would make room,
// nothing is filled in. Not thread-safe.
class Reservations {
 public:
  // Both are borrowed.
  Reservations(const SchedulingProblem& problem, const Cluster& cluster)
      : problem_(problem), cluster_(cluster), stopped_(problem.running.size()) {}

  // When `ranks` slots of the pool will be free; kNever = that is not known.
  int64_t EarliestStart(int pool, int ranks) const;

  void Reserve(int gang, int pool, int ranks, int64_t start_unix_ms);

  // How many of its free slots the pool may give to a gang that ends then.
  int Allowed(int pool, std::optional<int64_t> end_unix_ms) const;

  // Accounts for slots that such a gang took.
  void Charge(const std::vector<int>& slots, std::optional<int64_t> end_unix_ms);

  // A gang that runs is being stopped: its slots count as stopping and no more by its end.
  void Stop(int running) { stopped_[running] = true; }

  // Who gets slots of the pool first, as a place among the waiting gangs; -1 = nobody.
  int Ahead(int pool) const;

 private:
  struct Reservation {
    int gang = 0;
    int pool = 0;
    int64_t start_unix_ms = 0;
    int extra = 0;
  };

  struct Release {
    int64_t unix_ms = 0;
    int slots = 0;
  };
  // A gang of this pass, and until when it has its slots.
  struct Given {
    std::vector<int> slots;
    std::optional<int64_t> end_unix_ms;
  };

  // Slots of the pool that become free at known times, by time.
  std::vector<Release> ReleasesOf(int pool) const;
  static bool EndsBefore(const Reservation& reservation, std::optional<int64_t> end_unix_ms);
  int CountIn(int pool, const std::vector<int>& slots) const;

  const SchedulingProblem& problem_;
  const Cluster& cluster_;
  std::vector<Reservation> reservations_;
  std::vector<Given> given_;
  std::vector<bool> stopped_;  // Of the running gangs.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_RESERVATIONS_H_
