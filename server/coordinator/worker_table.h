// What the coordinator knows of the workers: their newest reports and whether they still hold their lease. In memory
// alone; after a restart the workers' next reports bring it back.
#ifndef SEEDBED_SERVER_COORDINATOR_WORKER_TABLE_H_
#define SEEDBED_SERVER_COORDINATOR_WORKER_TABLE_H_

#include <cstdint>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "seedbed/v1/worker.pb.h"
#include "server/state/records.h"

namespace seedbed {

inline constexpr uint64_t kNotSentYet = ~uint64_t{0};

struct WorkerEntry {
  v1::WorkerReport report;  // The newest.
  uint64_t session = 0;     // Its stream; 0 = it has none.
  absl::Duration last_report;
  int64_t last_report_unix_ms = 0;
  const Labels* labels = nullptr;  // The report's; one object for all workers with the same.
  uint64_t directive = 0;          // Number of what it is asked for; kNotSentYet while that has not been sent.
};

// Times are Clock::Monotonic(). Not thread-safe.
class WorkerTable {
 public:
  // A worker is lost when no report of it came for `silence_limit`: longer than its lease, so that it has stopped its
  // ranks by then. One that has not reported to this coordinator yet counts from `started`.
  WorkerTable(absl::Duration started, absl::Duration silence_limit) : started_(started), limit_(silence_limit) {}

  struct Accepted {
    uint64_t superseded_session = 0;  // An older stream of the same worker, which is of no use any more; 0 = none.
    bool is_new_instance = false;     // The first report of this start of the worker.
    bool is_late = false;             // Not newer than what is known: nothing was taken from it.
    bool changes_slots = false;       // Other slots are there, or others of them have ranks, than before.
  };

  // Takes a report that CheckReport allows, on a stream that was not superseded. ALREADY_EXISTS when another instance
  // of that name reports on a stream of its own; INVALID_ARGUMENT when the session belongs to another worker or
  // instance.
  absl::StatusOr<Accepted> Accept(uint64_t session, const v1::WorkerReport& report, absl::Duration now,
                                  int64_t now_unix_ms);

  // Of a worker that is known; of others nothing.
  void SetDirective(absl::string_view worker, uint64_t number);

  // Whether its newest report takes into account all that it was asked for, so that no rank may still be started that
  // it should not have any more. A worker that says nothing of directives counts as being so.
  static bool IsInStep(const WorkerEntry& worker);

  // The worker stays known, without a stream.
  void EndSession(uint64_t session);

  const WorkerEntry* Find(absl::string_view worker) const;
  const absl::btree_map<std::string, WorkerEntry>& workers() const { return workers_; }

  // Whether ranks that were placed on this instance of a worker are surely gone: another instance has taken its
  // place, or its silence has outlasted its lease.
  bool IsLost(absl::string_view worker, absl::string_view instance, absl::Duration now) const;

  // Has a stream and is not silent: it can be given work.
  bool IsUsable(const WorkerEntry& worker, absl::Duration now) const;

  // What the newest report of this instance says of a rank; nullptr = nothing.
  const v1::RankStatus* FindRank(absl::string_view worker, absl::string_view instance, const v1::RankKey& key) const;

  // When the next worker, of those that are not lost yet, will be if it stays silent; infinite when there is none.
  absl::Duration NextLoss(absl::Duration now) const;

 private:
  const absl::Duration started_;
  const absl::Duration limit_;
  absl::btree_map<std::string, WorkerEntry> workers_;            // By name.
  absl::flat_hash_map<uint64_t, std::string> names_by_session_;  // Of the streams that are of use.
  absl::node_hash_set<Labels> labels_;                           // All that any worker has had.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_WORKER_TABLE_H_
