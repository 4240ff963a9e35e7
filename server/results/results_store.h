// What the results service keeps, in a SQLite file: write-ahead log, synchronous=FULL.
//
//   agreements(key TEXT PRIMARY KEY, agreement BLOB)     numbers by content (ContentKey): computed once, ever
//   sibling_sets(position, sibling_set_id, sweep_id, request BLOB, agreement_key, failure BLOB)
//                                                        a set is pending while it has neither key nor failure
//   runs(run_id PRIMARY KEY, sweep_id, sibling_set_id, state, run BLOB)
//                                                        every run of every sweep; state: 0 open, 1 ended, 2 succeeded
//   artifacts(manifest_sha256 PRIMARY KEY, artifact BLOB)   what agreements list: stability, consensus
//   cursor(event, sweep_id)                              one row: the last event of the coordinator taken in
//
// A row of sibling_sets is also what was asked for beside them: a comparison, or a set at another threshold. Those have
// no sweep.
//
// PRAGMA user_version holds the version of this layout. A file of version 1 gets what it lacks, and the
// coordinator's log is read once more from its beginning, which fills in the runs. BLOBs are serialized messages:
// seedbed.v1.Agreement, Run and Artifact, and seedbed.v1.Failure for `failure`.
#ifndef SEEDBED_SERVER_RESULTS_RESULTS_STORE_H_
#define SEEDBED_SERVER_RESULTS_RESULTS_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/file.h"
#include "seedbed/v1/artifact.pb.h"
#include "seedbed/v1/event.pb.h"
#include "seedbed/v1/results.pb.h"

namespace SQLite {
class Database;
}  // namespace SQLite

namespace seedbed {

// How far the coordinator's log was taken in. The sweep of that event tells one log from another.
struct Cursor {
  int64_t event = 0;
  std::string sweep_id;
};

// Thread-safe. What a method that writes has answered OK is durable; on an error nothing has changed. Blocks for as
// long as the disk takes. Errors: RESOURCE_EXHAUSTED where the disk is full, PERMISSION_DENIED where it is read-only,
// DATA_LOSS for a damaged file, UNAVAILABLE for what may pass; they name the file.
class ResultsStore {
 public:
  static constexpr int kSchemaVersion = 2;

  // Opens or makes the database at `path`, and its folder, which belong to this process until the store is destroyed
  // (`path`.lock). FAILED_PRECONDITION when another process holds it or its layout is of a newer version.
  static absl::StatusOr<std::unique_ptr<ResultsStore>> Open(const std::string& path);
  ~ResultsStore();

  absl::StatusOr<Cursor> LoadCursor() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status SaveCursor(const Cursor& cursor) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes in a finished sibling set and the cursor of its event, both or neither. A set that is known with the same
  // request stays as it is; with another one (it was trained again) it is pending again. A request with a failure is
  // stored as failed.
  absl::Status AddSiblingSet(const v1::Agreement& request, const Cursor& cursor) ABSL_LOCKS_EXCLUDED(mutex_);

  // Adds a request beside the sweeps' sibling sets. One that is known stays as it is, unless it failed: then it is
  // pending again.
  absl::Status AddRequest(const v1::Agreement& request) ABSL_LOCKS_EXCLUDED(mutex_);

  // What was asked for under an id. NOT_FOUND for one that is not known.
  absl::StatusOr<v1::Agreement> FindRequest(const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Requests of the sets that are pending, in the order they came.
  absl::StatusOr<std::vector<v1::Agreement>> Pending() ABSL_LOCKS_EXCLUDED(mutex_);

  // The numbers stored under a content key.
  absl::StatusOr<std::optional<v1::Agreement>> FindNumbers(const std::string& key) ABSL_LOCKS_EXCLUDED(mutex_);

  // Stores the numbers under the key, unless some are there, registers the artifacts that they list, and with them
  // answers `request`. Does nothing to the set when its request has changed meanwhile.
  absl::Status StoreNumbers(const v1::Agreement& request, const std::string& key, const v1::Agreement& numbers)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The same for a request that could not be computed.
  absl::Status StoreFailure(const v1::Agreement& request, const v1::Failure& failure) ABSL_LOCKS_EXCLUDED(mutex_);

  struct SweepAgreements {
    std::vector<v1::Agreement> agreements;  // In the order the sets came.
    std::vector<std::string> pending_sibling_set_ids;
  };
  absl::StatusOr<SweepAgreements> List(const std::string& sweep_id) ABSL_LOCKS_EXCLUDED(mutex_);

  // NOT_FOUND for a set that is not known, FAILED_PRECONDITION for one that is pending.
  absl::StatusOr<v1::Agreement> Get(const std::string& sibling_set_id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Registers the runs of a sweep that was submitted. Those that are known stay as they are.
  absl::Status AddRuns(const std::string& sweep_id, const v1::SweepSubmitted& submitted) ABSL_LOCKS_EXCLUDED(mutex_);

  // A run has ended: with a result it has succeeded.
  absl::Status EndRun(const std::string& sweep_id, const std::string& run_id, const v1::RunResult* result)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The sweep was cancelled: none of its runs is open any more.
  absl::Status EndRuns(const std::string& sweep_id) ABSL_LOCKS_EXCLUDED(mutex_);

  // A run that succeeded, with its result. NOT_FOUND for one that is not known, FAILED_PRECONDITION for one without a
  // dictionary.
  absl::StatusOr<v1::Run> FindRun(const std::string& run_id) ABSL_LOCKS_EXCLUDED(mutex_);

  // The dictionary of the run of this id, or what an agreement lists with this manifest_sha256. NOT_FOUND for neither.
  absl::StatusOr<v1::Artifact> FindArtifact(const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_);

  struct SetState {
    std::string sibling_set_id;
    bool pending = false;
  };
  struct SweepState {
    std::vector<SetState> sets;  // In the order they came.
    bool ended = false;          // Every run has ended, and every set that can be compared is among `sets`.
  };
  // NOT_FOUND for a sweep that neither a run nor a set is known of.
  absl::StatusOr<SweepState> GetSweepState(const std::string& sweep_id) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  ResultsStore(std::string path, FileLock lock);
  void WriteCursor(const Cursor& cursor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteArtifact(const v1::Artifact& artifact) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const FileLock lock_;
  absl::Mutex mutex_;
  std::unique_ptr<SQLite::Database> database_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_RESULTS_STORE_H_
