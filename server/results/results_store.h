// What the results service keeps, in a SQLite file: write-ahead log, synchronous=FULL.
//
//   agreements(key TEXT PRIMARY KEY, agreement BLOB)     numbers by content (ContentKey): computed once, ever
//   sibling_sets(position, sibling_set_id, sweep_id, request BLOB, agreement_key, failure BLOB)
//                                                        a set is pending while it has neither key nor failure
//   cursor(event, sweep_id)                              one row: the last event of the coordinator taken in
//
// PRAGMA user_version holds the version of this layout. BLOBs are serialized messages: seedbed.v1.Agreement, and
// seedbed.v1.Failure for `failure`.
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
  static constexpr int kSchemaVersion = 1;

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

  // Requests of the sets that are pending, in the order they came.
  absl::StatusOr<std::vector<v1::Agreement>> Pending() ABSL_LOCKS_EXCLUDED(mutex_);

  // The numbers stored under a content key.
  absl::StatusOr<std::optional<v1::Agreement>> FindNumbers(const std::string& key) ABSL_LOCKS_EXCLUDED(mutex_);

  // Stores the numbers under the key, unless some are there, and with them answers `request`. Does nothing to the set
  // when its request has changed meanwhile.
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

 private:
  ResultsStore(std::string path, FileLock lock);
  void WriteCursor(const Cursor& cursor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const FileLock lock_;
  absl::Mutex mutex_;
  std::unique_ptr<SQLite::Database> database_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_RESULTS_STORE_H_
