#include "server/scheduler/reservations.h"

#include <algorithm>

namespace seedbed {

int Reservations::CountIn(int pool, const std::vector<int>& slots) const {
  return static_cast<int>(std::count_if(slots.begin(), slots.end(), [&](int slot) {
    return !cluster_.slot(slot).draining && cluster_.Contains(pool, slot);
  }));
}

std::vector<Reservations::Release> Reservations::ReleasesOf(int pool) const {
  std::vector<Release> releases;
  const auto add = [&](const std::vector<int>& slots, std::optional<int64_t> end_unix_ms) {
    // A gang that is still there after its estimated end may end at any moment.
    if (end_unix_ms.has_value()) {
      releases.push_back({std::max(*end_unix_ms, problem_.now_unix_ms), CountIn(pool, slots)});
    }
  };
  for (size_t i = 0; i < problem_.running.size(); ++i) {
    if (!stopped_[i]) add(problem_.running[i].slots, problem_.running[i].end_unix_ms);
  }
  for (const Given& given : given_) add(given.slots, given.end_unix_ms);
  std::sort(releases.begin(), releases.end(), [](const Release& a, const Release& b) { return a.unix_ms < b.unix_ms; });
  return releases;
}

int64_t Reservations::EarliestStart(int pool, int ranks) const {
  int free = cluster_.free(pool) + cluster_.stopping(pool);
  if (free >= ranks) return problem_.now_unix_ms;
  for (const Release& release : ReleasesOf(pool)) {
    free += release.slots;
    if (free >= ranks) return release.unix_ms;
  }
  return kNever;
}

void Reservations::Reserve(int gang, int pool, int ranks, int64_t start_unix_ms) {
  int free = cluster_.free(pool) + cluster_.stopping(pool);
  if (start_unix_ms != kNever) {
    for (const Release& release : ReleasesOf(pool)) {
      if (release.unix_ms <= start_unix_ms) free += release.slots;
    }
  }
  const int extra = start_unix_ms == kNever ? 0 : std::max(0, free - ranks);
  reservations_.push_back({gang, pool, start_unix_ms, extra});
}

bool Reservations::EndsBefore(const Reservation& reservation, std::optional<int64_t> end_unix_ms) {
  return reservation.start_unix_ms != kNever && end_unix_ms.has_value() && *end_unix_ms <= reservation.start_unix_ms;
}

int Reservations::Allowed(int pool, std::optional<int64_t> end_unix_ms) const {
  int allowed = cluster_.free(pool);
  for (const Reservation& reservation : reservations_) {
    if (!cluster_.Overlap(pool, reservation.pool)) continue;
    if (!EndsBefore(reservation, end_unix_ms)) allowed = std::min(allowed, reservation.extra);
  }
  return allowed;
}

void Reservations::Charge(const std::vector<int>& slots, std::optional<int64_t> end_unix_ms) {
  for (Reservation& reservation : reservations_) {
    if (!EndsBefore(reservation, end_unix_ms)) reservation.extra -= CountIn(reservation.pool, slots);
  }
  given_.push_back({slots, end_unix_ms});
}

int Reservations::Ahead(int pool) const {
  for (const Reservation& reservation : reservations_) {
    if (cluster_.Overlap(pool, reservation.pool)) return reservation.gang;
  }
  return -1;
}

}  // namespace seedbed
