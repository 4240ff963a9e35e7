// How a daemon opens its SQLite database: alone, with a write-ahead log, every commit on the disk before it returns,
// and a schema whose version it knows.
#ifndef SEEDBED_SERVER_STORE_SQLITE_DATABASE_H_
#define SEEDBED_SERVER_STORE_SQLITE_DATABASE_H_

#include <memory>
#include <string>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"

namespace seedbed {

// A full disk is RESOURCE_EXHAUSTED, one that can't be written PERMISSION_DENIED, a damaged file DATA_LOSS, a busy or
// failing one UNAVAILABLE; the rest is INTERNAL.
absl::StatusCode SqliteStatusCode(int sqlite_code);

// Runs `body`, which gives an absl::Status, with SQLite's exceptions as statuses that name the file.
template <typename Body>
absl::Status GuardSqlite(const std::string& path, Body body) {
  try {
    return body();
  } catch (const SQLite::Exception& error) {
    return absl::Status(SqliteStatusCode(error.getErrorCode()), absl::StrCat(path, ": ", error.what()));
  }
}

// Holds `path`.lock. FAILED_PRECONDITION, naming the file and `owner` ("coordinator"), when another process has it.
absl::StatusOr<FileLock> LockDatabase(const std::string& path, absl::string_view owner);

// Opens the database, or makes it with `schema` (SQL statements) as version `version`. FAILED_PRECONDITION for a newer
// version than this one; otherwise as SqliteStatusCode says, also where the file can't be written.
absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenSqliteDatabase(const std::string& path, const std::string& schema,
                                                                     int version);

// Copies all of an open database to a new file, by way of `path`.partial; durable when it returns. ALREADY_EXISTS for a
// file that is there; otherwise as SqliteStatusCode says, and then there is none.
absl::Status BackUpSqliteDatabase(SQLite::Database& database, const std::string& path);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_STORE_SQLITE_DATABASE_H_
