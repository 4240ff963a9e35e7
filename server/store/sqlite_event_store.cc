#include "server/store/sqlite_event_store.h"

#include <xxhash.h>

#include <utility>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "server/store/sqlite_database.h"

namespace seedbed {
namespace {

constexpr size_t kMostPageBytes = 8 << 20;

constexpr char kSchema[] =
    "CREATE TABLE events (number INTEGER PRIMARY KEY, sweep_id TEXT NOT NULL, checksum INTEGER NOT NULL, "
    "body BLOB NOT NULL);"
    "CREATE INDEX events_by_sweep ON events (sweep_id, number)";

int64_t Checksum(int64_t number, absl::string_view body) {
  return static_cast<int64_t>(XXH3_64bits_withSeed(body.data(), body.size(), static_cast<uint64_t>(number)));
}

}  // namespace

SqliteEventStore::SqliteEventStore(std::string path, FileLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}
SqliteEventStore::~SqliteEventStore() = default;

absl::StatusOr<std::unique_ptr<SqliteEventStore>> SqliteEventStore::Open(const std::string& path) {
  ASSIGN_OR_RETURN(FileLock lock, LockDatabase(path, "coordinator"));
  auto store = std::unique_ptr<SqliteEventStore>(new SqliteEventStore(path, std::move(lock)));
  absl::MutexLock hold(&store->mutex_);
  ASSIGN_OR_RETURN(store->database_, OpenSqliteDatabase(path, kSchema, kSchemaVersion));
  return store;
}

int64_t SqliteEventStore::SelectLastNumber() {
  return database_->execAndGet("SELECT COALESCE(MAX(number), 0) FROM events").getInt64();
}

absl::Status SqliteEventStore::Append(absl::Span<const v1::Event> events) {
  if (events.empty()) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  return GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return AppendInTransaction(events); });
}

absl::Status SqliteEventStore::AppendInTransaction(absl::Span<const v1::Event> events) {
  SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
  int64_t last = SelectLastNumber();
  SQLite::Statement insert(*database_, "INSERT INTO events (number, sweep_id, checksum, body) VALUES (?, ?, ?, ?)");
  for (const v1::Event& event : events) {
    if (event.number() != last + 1) {
      return absl::InternalError(
          absl::StrCat(path_, ": event ", event.number(), " was to be appended where ", last + 1, " must follow"));
    }
    const std::string body = event.SerializeAsString();
    insert.reset();
    insert.bind(1, event.number());
    insert.bind(2, event.sweep_id());
    insert.bind(3, Checksum(event.number(), body));
    insert.bindNoCopy(4, body.data(), static_cast<int>(body.size()));
    insert.exec();
    last = event.number();
  }
  transaction.commit();
  return absl::OkStatus();
}

absl::StatusOr<v1::Event> SqliteEventStore::ReadRow(SQLite::Statement& row) const {
  const int64_t number = row.getColumn(0).getInt64();
  const SQLite::Column column = row.getColumn(2);
  const absl::string_view body(static_cast<const char*>(column.getBlob()), column.getBytes());
  v1::Event event;
  if (Checksum(number, body) != row.getColumn(1).getInt64() || !event.ParseFromArray(body.data(), body.size()) ||
      event.number() != number) {
    return absl::DataLossError(absl::StrCat(path_, ": event ", number, " is damaged (its checksum does not match)"));
  }
  return event;
}

absl::StatusOr<std::vector<v1::Event>> SqliteEventStore::ReadAfter(int64_t number, int limit,
                                                                   absl::string_view sweep_id) {
  absl::MutexLock lock(&mutex_);
  std::vector<v1::Event> events;
  const absl::Status status = GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    const char* const all = "SELECT number, checksum, body FROM events WHERE number > ? ORDER BY number LIMIT ?";
    const char* const of_sweep =
        "SELECT number, checksum, body FROM events WHERE number > ? AND sweep_id = ? ORDER BY number LIMIT ?";
    SQLite::Statement select(*database_, sweep_id.empty() ? all : of_sweep);
    int column = 1;
    select.bind(column++, number);
    if (!sweep_id.empty()) select.bind(column++, std::string(sweep_id));
    select.bind(column, limit);
    int64_t previous = number;
    size_t bytes = 0;
    while (bytes < kMostPageBytes && select.executeStep()) {
      ASSIGN_OR_RETURN(v1::Event event, ReadRow(select));
      if (sweep_id.empty() && event.number() != previous + 1) {
        return absl::DataLossError(absl::StrCat(path_, ": event ", previous + 1, " is missing"));
      }
      previous = event.number();
      bytes += event.ByteSizeLong();
      events.push_back(std::move(event));
    }
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(status);
  return events;
}

absl::StatusOr<int64_t> SqliteEventStore::BackUp(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(BackUpSqliteDatabase(*database_, path));
  int64_t last = 0;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    last = SelectLastNumber();
    return absl::OkStatus();
  }));
  return last;
}

absl::StatusOr<int64_t> SqliteEventStore::LastNumber() {
  absl::MutexLock lock(&mutex_);
  int64_t last = 0;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    last = SelectLastNumber();
    return absl::OkStatus();
  }));
  return last;
}

}  // namespace seedbed
