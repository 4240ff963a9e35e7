// Sweeps whose files a worker is asked to inspect before they are accepted. In memory alone: who submitted a sweep
// submits it again when the coordinator dies.
#ifndef SEEDBED_SERVER_COORDINATOR_INSPECTION_QUEUE_H_
#define SEEDBED_SERVER_COORDINATOR_INSPECTION_QUEUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "seedbed/v1/inspection.pb.h"
#include "seedbed/v1/worker.pb.h"
#include "server/coordinator/worker_table.h"

namespace seedbed {

struct InspectionOptions {
  absl::Duration patience = absl::Seconds(60);  // From a submission to its answer.
  // After the coordinator's start: how long a sweep waits for a first worker before there counts as being none.
  absl::Duration first_worker = absl::Seconds(5);
};

struct EndedInspection {
  enum class Outcome {
    kInspected,   // `result` has what was found, violations included.
    kFailed,      // Every worker that was there failed to inspect; `reason` is the last one's.
    kUnanswered,  // The patience is over.
    kNoWorker,    // No worker is connected.
  };
  std::string id;
  Outcome outcome = Outcome::kNoWorker;
  v1::InspectionResult result;
  std::string worker;  // That answered, or else was asked last; empty = none was.
  std::string reason;  // Names its worker.
  absl::Duration took;
};

// Each inspection is with one worker at a time: the one with the fewest of them and then with the fewest ranks, another
// one when it goes away or fails. An answer counts whoever gives it, since all workers see the same files.
// Times are Clock::Monotonic(). Not thread-safe.
class InspectionQueue {
 public:
  // `epoch` makes ids unique among coordinators: workers keep answers over a restart of it.
  InspectionQueue(const InspectionOptions& options, absl::string_view epoch, absl::Duration started)
      : options_(options), epoch_(epoch), started_(started) {}

  // Whether one more of that size still fits into a directive.
  bool HasRoomFor(const v1::SweepSpec& spec) const;

  // Gives the id by which Advance reports the end.
  std::string Add(const v1::SweepSpec& spec, absl::Duration now);

  // Of a worker's report. What answers nothing that is waited for changes nothing.
  void TakeResult(const std::string& worker, const v1::InspectionResult& result);

  // Ends what is answered or out of time, and gives a worker to the rest. Adds workers whose requests have changed to
  // `affected`.
  std::vector<EndedInspection> Advance(const WorkerTable& workers, absl::Duration now,
                                       absl::btree_set<std::string>& affected);

  // What `worker` is asked for, by age.
  void AddRequests(absl::string_view worker, v1::WorkerDirective& directive) const;

  // When time alone changes something next; infinite when nothing waits.
  absl::Duration NextDeadline(absl::Duration now) const;

  int64_t size() const { return static_cast<int64_t>(inspections_.size()); }

 private:
  struct Inspection {
    v1::InspectionRequest request;
    absl::Duration added;
    std::string worker;                   // With this one; empty = none yet.
    absl::btree_set<std::string> failed;  // Workers that could not do it.
    std::string reason;                   // Of the latest failure.
    std::string answered_by;              // Empty = not yet.
    v1::InspectionResult result;
  };

  // How it has ended; nullopt = it has not.
  std::optional<EndedInspection> Judge(const Inspection& inspection, const WorkerTable& workers,
                                       absl::Duration now) const;
  // Keeps it with its worker, or gives it another one.
  void Assign(const WorkerTable& workers, absl::Duration now, Inspection& inspection,
              absl::btree_set<std::string>& affected) const;
  // The worker that takes it; empty = none can.
  std::string ChooseWorker(const Inspection& inspection, const WorkerTable& workers, absl::Duration now) const;
  int64_t RequestsOf(absl::string_view worker) const;

  const InspectionOptions options_;
  const std::string epoch_;
  const absl::Duration started_;
  int64_t last_number_ = 0;
  absl::btree_map<int64_t, Inspection> inspections_;  // By number, which is by age.
  size_t bytes_ = 0;                                  // Of all requests.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_INSPECTION_QUEUE_H_
