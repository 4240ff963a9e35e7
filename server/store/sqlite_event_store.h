// The event log in a SQLite file: write-ahead log, synchronous=FULL, one transaction for each Append.
//
//   events(number INTEGER PRIMARY KEY, sweep_id TEXT, checksum INTEGER, body BLOB)
//
// `body` is a serialized seedbed.v1.Event, `checksum` the XXH3-64 of it seeded with `number`. PRAGMA user_version holds
// the version of this layout.
#ifndef SEEDBED_SERVER_STORE_SQLITE_EVENT_STORE_H_
#define SEEDBED_SERVER_STORE_SQLITE_EVENT_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/file.h"
#include "server/store/event_store.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace seedbed {

class SqliteEventStore final : public EventStore {
 public:
  static constexpr int kSchemaVersion = 1;

  // Opens or makes the log at `path`, which belongs to this process until the store is destroyed (`path`.lock).
  // FAILED_PRECONDITION when another process holds it or its layout is of a newer version; PERMISSION_DENIED where it
  // can't be written; DATA_LOSS for a file that is not such a log. Every error names `path`.
  static absl::StatusOr<std::unique_ptr<SqliteEventStore>> Open(const std::string& path);
  ~SqliteEventStore() override;

  absl::Status Append(absl::Span<const v1::Event> events) override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<v1::Event>> ReadAfter(int64_t number, int limit, absl::string_view sweep_id = "") override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<int64_t> LastNumber() override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<int64_t> BackUp(const std::string& path) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  SqliteEventStore(std::string path, FileLock lock);
  int64_t SelectLastNumber() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AppendInTransaction(absl::Span<const v1::Event> events) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::Event> ReadRow(SQLite::Statement& row) const;

  const std::string path_;
  const FileLock lock_;
  absl::Mutex mutex_;
  std::unique_ptr<SQLite::Database> database_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_STORE_SQLITE_EVENT_STORE_H_
