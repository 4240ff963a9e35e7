#include "server/results/results_store.h"

#include <filesystem>
#include <utility>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "server/results/comparison.h"
#include "server/results/message_column.h"
#include "server/store/sqlite_database.h"

namespace seedbed {
namespace {

constexpr char kSchema[] = R"(
  CREATE TABLE IF NOT EXISTS agreements (key TEXT PRIMARY KEY, agreement BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS sibling_sets (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    sibling_set_id TEXT NOT NULL UNIQUE,
    sweep_id TEXT NOT NULL,
    request BLOB NOT NULL,
    agreement_key TEXT REFERENCES agreements (key),
    failure BLOB);
  CREATE INDEX IF NOT EXISTS sibling_sets_by_sweep ON sibling_sets (sweep_id, position);
  CREATE INDEX IF NOT EXISTS sibling_sets_pending ON sibling_sets (position)
    WHERE agreement_key IS NULL AND failure IS NULL;
  CREATE TABLE runs (run_id TEXT PRIMARY KEY, sweep_id TEXT NOT NULL, sibling_set_id TEXT NOT NULL,
                     state INTEGER NOT NULL, run BLOB NOT NULL);
  CREATE INDEX runs_by_sweep ON runs (sweep_id, state, sibling_set_id);
  CREATE TABLE artifacts (manifest_sha256 TEXT PRIMARY KEY, artifact BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS cursor (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), event INTEGER NOT NULL,
                       sweep_id TEXT NOT NULL);
  INSERT OR REPLACE INTO cursor VALUES (1, 0, '');
)";

// Columns: request, failure, agreement, sibling_set_id.
constexpr char kSelectAgreements[] =
    "SELECT request, failure, agreement, sibling_set_id FROM sibling_sets LEFT JOIN agreements ON agreements.key = "
    "sibling_sets.agreement_key ";

absl::Status NoSuchSet(const std::string& id) {
  return absl::NotFoundError(absl::StrCat("sibling set \"", id, "\": there is no finished one of that id"));
}

// The answer in a row of kSelectAgreements; nullopt while the set is pending.
absl::StatusOr<std::optional<v1::Agreement>> ReadAnswer(SQLite::Statement& row, const std::string& path) {
  ASSIGN_OR_RETURN(const auto request, ParseColumn<v1::Agreement>(row.getColumn(0), path));
  if (!row.getColumn(1).isNull()) {
    ASSIGN_OR_RETURN(const auto failure, ParseColumn<v1::Failure>(row.getColumn(1), path));
    return Failed(request, failure);
  }
  if (row.getColumn(2).isNull()) return std::optional<v1::Agreement>();
  ASSIGN_OR_RETURN(const auto numbers, ParseColumn<v1::Agreement>(row.getColumn(2), path));
  return Complete(request, numbers);
}

}  // namespace

ResultsStore::ResultsStore(std::string path, FileLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}
ResultsStore::~ResultsStore() = default;

absl::StatusOr<std::unique_ptr<ResultsStore>> ResultsStore::Open(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty()) RETURN_IF_ERROR(MakeFolders(folder));
  ASSIGN_OR_RETURN(FileLock lock, LockDatabase(path, "results service"));
  auto store = std::unique_ptr<ResultsStore>(new ResultsStore(path, std::move(lock)));
  absl::MutexLock hold(&store->mutex_);
  ASSIGN_OR_RETURN(store->database_, OpenSqliteDatabase(path, kSchema, kSchemaVersion));
  return store;
}

absl::StatusOr<Cursor> ResultsStore::LoadCursor() {
  absl::MutexLock lock(&mutex_);
  Cursor cursor;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    SQLite::Statement select(*database_, "SELECT event, sweep_id FROM cursor");
    if (!select.executeStep()) return absl::DataLossError(absl::StrCat(path_, ": has no cursor"));
    cursor = {select.getColumn(0).getInt64(), select.getColumn(1).getString()};
    return absl::OkStatus();
  }));
  return cursor;
}

absl::Status ResultsStore::SaveCursor(const Cursor& cursor) {
  absl::MutexLock lock(&mutex_);
  return GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    WriteCursor(cursor);
    return absl::OkStatus();
  });
}

void ResultsStore::WriteCursor(const Cursor& cursor) {
  SQLite::Statement update(*database_, "UPDATE cursor SET event = ?, sweep_id = ?");
  update.bind(1, cursor.event);
  update.bind(2, cursor.sweep_id);
  update.exec();
}

absl::Status ResultsStore::AddSiblingSet(const v1::Agreement& request, const Cursor& cursor) {
  absl::MutexLock lock(&mutex_);
  return GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement insert(
        *database_,
        "INSERT INTO sibling_sets (sibling_set_id, sweep_id, request, failure) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (sibling_set_id) DO UPDATE SET sweep_id = excluded.sweep_id, request = excluded.request, "
        "agreement_key = NULL, failure = excluded.failure WHERE request <> excluded.request");
    insert.bind(1, request.sibling_set_id());
    insert.bind(2, request.sweep_id());
    BindMessage(insert, 3, request);
    if (request.has_failure()) BindMessage(insert, 4, request.failure());
    insert.exec();
    WriteCursor(cursor);
    transaction.commit();
    return absl::OkStatus();
  });
}

absl::Status ResultsStore::AddRequest(const v1::Agreement& request) {
  absl::MutexLock lock(&mutex_);
  return GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    SQLite::Statement insert(*database_,
                             "INSERT INTO sibling_sets (sibling_set_id, sweep_id, request) VALUES (?, ?, ?) "
                             "ON CONFLICT (sibling_set_id) DO UPDATE SET request = excluded.request, "
                             "agreement_key = NULL, failure = NULL "
                             "WHERE request <> excluded.request OR failure IS NOT NULL");
    insert.bind(1, request.sibling_set_id());
    insert.bind(2, request.sweep_id());
    BindMessage(insert, 3, request);
    insert.exec();
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Agreement> ResultsStore::FindRequest(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  v1::Agreement request;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    SQLite::Statement select(*database_, "SELECT request FROM sibling_sets WHERE sibling_set_id = ?");
    select.bind(1, id);
    if (!select.executeStep()) return NoSuchSet(id);
    ASSIGN_OR_RETURN(request, ParseColumn<v1::Agreement>(select.getColumn(0), path_));
    return absl::OkStatus();
  }));
  return request;
}

absl::StatusOr<std::vector<v1::Agreement>> ResultsStore::Pending() {
  absl::MutexLock lock(&mutex_);
  std::vector<v1::Agreement> requests;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    SQLite::Statement select(*database_,
                             "SELECT request FROM sibling_sets WHERE agreement_key IS NULL AND failure IS NULL "
                             "ORDER BY position");
    while (select.executeStep()) {
      ASSIGN_OR_RETURN(v1::Agreement request, ParseColumn<v1::Agreement>(select.getColumn(0), path_));
      requests.push_back(std::move(request));
    }
    return absl::OkStatus();
  }));
  return requests;
}

absl::StatusOr<std::optional<v1::Agreement>> ResultsStore::FindNumbers(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  std::optional<v1::Agreement> numbers;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    SQLite::Statement select(*database_, "SELECT agreement FROM agreements WHERE key = ?");
    select.bind(1, key);
    if (!select.executeStep()) return absl::OkStatus();
    ASSIGN_OR_RETURN(numbers, ParseColumn<v1::Agreement>(select.getColumn(0), path_));
    return absl::OkStatus();
  }));
  return numbers;
}

absl::Status ResultsStore::StoreNumbers(const v1::Agreement& request, const std::string& key,
                                        const v1::Agreement& numbers) {
  absl::MutexLock lock(&mutex_);
  return GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement insert(*database_, "INSERT INTO agreements VALUES (?, ?) ON CONFLICT (key) DO NOTHING");
    insert.bind(1, key);
    BindMessage(insert, 2, numbers);
    insert.exec();
    for (const v1::Artifact& artifact : {numbers.stability(), numbers.consensus()}) {
      if (!artifact.manifest_sha256().empty()) WriteArtifact(artifact);
    }
    SQLite::Statement update(*database_,
                             "UPDATE sibling_sets SET agreement_key = ? WHERE sibling_set_id = ? AND request = ?");
    update.bind(1, key);
    update.bind(2, request.sibling_set_id());
    BindMessage(update, 3, request);
    update.exec();
    transaction.commit();
    return absl::OkStatus();
  });
}

absl::Status ResultsStore::StoreFailure(const v1::Agreement& request, const v1::Failure& failure) {
  absl::MutexLock lock(&mutex_);
  return GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    SQLite::Statement update(*database_,
                             "UPDATE sibling_sets SET failure = ? WHERE sibling_set_id = ? AND request = ?");
    BindMessage(update, 1, failure);
    update.bind(2, request.sibling_set_id());
    BindMessage(update, 3, request);
    update.exec();
    return absl::OkStatus();
  });
}

absl::StatusOr<ResultsStore::SweepAgreements> ResultsStore::List(const std::string& sweep_id) {
  absl::MutexLock lock(&mutex_);
  SweepAgreements found;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    SQLite::Statement select(*database_, absl::StrCat(kSelectAgreements, "WHERE sweep_id = ? ORDER BY position"));
    select.bind(1, sweep_id);
    while (select.executeStep()) {
      ASSIGN_OR_RETURN(std::optional<v1::Agreement> answer, ReadAnswer(select, path_));
      if (answer.has_value()) {
        found.agreements.push_back(*std::move(answer));
      } else {
        found.pending_sibling_set_ids.push_back(select.getColumn(3).getString());
      }
    }
    return absl::OkStatus();
  }));
  return found;
}

absl::StatusOr<v1::Agreement> ResultsStore::Get(const std::string& sibling_set_id) {
  absl::MutexLock lock(&mutex_);
  v1::Agreement found;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    SQLite::Statement select(*database_, absl::StrCat(kSelectAgreements, "WHERE sibling_set_id = ?"));
    select.bind(1, sibling_set_id);
    if (!select.executeStep()) return NoSuchSet(sibling_set_id);
    ASSIGN_OR_RETURN(std::optional<v1::Agreement> answer, ReadAnswer(select, path_));
    if (!answer.has_value()) {
      return absl::FailedPreconditionError(
          absl::StrCat("sibling set \"", sibling_set_id, "\": its agreement is still being computed"));
    }
    found = *std::move(answer);
    return absl::OkStatus();
  }));
  return found;
}

}  // namespace seedbed
