#include "server/store/sqlite_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "SQLiteCpp/Backup.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr int kBusyTimeoutMs = 5000;

absl::Status PrepareSchema(SQLite::Database& database, const std::string& path, const std::string& schema,
                           int newest_version) {
  const int version = database.execAndGet("PRAGMA user_version").getInt();
  if (version > newest_version) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": has layout version ", version,
                                                      ", made by a newer Seedbed; this one knows up to version ",
                                                      newest_version));
  }
  // Begun even where nothing is to be made: a file that can't be written shows itself here.
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  if (version == newest_version) return absl::OkStatus();
  database.exec(schema);
  database.exec(absl::StrCat("PRAGMA user_version = ", newest_version));
  transaction.commit();
  return absl::OkStatus();
}

// Gives a file that is durable its name, which nothing has.
absl::Status PublishFile(const std::string& partial, const std::string& path) {
  if (renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    return ErrnoStatus(errno, absl::StrCat("rename ", partial, " to ", path));
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, folder);
  const int synced = fsync(fd);
  const int error = errno;
  close(fd);
  return synced == 0 ? absl::OkStatus() : ErrnoStatus(error, folder);
}

}  // namespace

absl::StatusCode SqliteStatusCode(int sqlite_code) {
  switch (sqlite_code) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::StatusOr<FileLock> LockDatabase(const std::string& path, absl::string_view owner) {
  absl::StatusOr<FileLock> lock = FileLock::Acquire(path + ".lock");
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": another ", owner, " uses this database (it holds ", path, ".lock)"));
  }
  if (!lock.ok()) return Annotate(lock.status(), absl::StrCat(path, ": can't lock the database"));
  return lock;
}

absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenSqliteDatabase(const std::string& path, const std::string& schema,
                                                                     int version) {
  std::unique_ptr<SQLite::Database> database;
  RETURN_IF_ERROR(GuardSqlite(path, [&] {
    database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs);
    database->exec("PRAGMA journal_mode = WAL");
    database->exec("PRAGMA synchronous = FULL");
    database->exec("PRAGMA foreign_keys = ON");
    return PrepareSchema(*database, path, schema, version);
  }));
  return database;
}

absl::Status BackUpSqliteDatabase(SQLite::Database& database, const std::string& path) {
  if (PathExists(path)) return absl::AlreadyExistsError(absl::StrCat(path, ": is there already"));
  const std::string partial = path + ".partial";
  RETURN_IF_ERROR(RemoveAll(partial));
  absl::Status status = GuardSqlite(partial, [&] {
    SQLite::Database copy(partial, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    copy.exec("PRAGMA synchronous = FULL");
    SQLite::Backup(copy, database).executeStep(-1);
    return absl::OkStatus();
  });
  if (status.ok()) status = PublishFile(partial, path);
  if (!status.ok()) RemoveAll(partial).IgnoreError();
  return status;
}

}  // namespace seedbed
