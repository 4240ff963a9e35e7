// The runs and artifacts of the store.
#include <utility>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "server/results/message_column.h"
#include "server/results/results_store.h"
#include "server/store/sqlite_database.h"

namespace seedbed {
namespace {

constexpr int kOpen = 0;
constexpr int kEnded = 1;
constexpr int kSucceeded = 2;

// Sibling sets with two dictionaries or more that no finished set is known of.
constexpr char kSelectMissingSets[] =
    "SELECT sibling_set_id FROM runs WHERE sweep_id = ? AND state = ? AND sibling_set_id NOT IN "
    "(SELECT sibling_set_id FROM sibling_sets) GROUP BY sibling_set_id HAVING COUNT(*) >= 2";

}  // namespace

absl::Status ResultsStore::AddRuns(const std::string& sweep_id, const v1::SweepSubmitted& submitted) {
  absl::MutexLock lock(&mutex_);
  return GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement insert(*database_, "INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?)");
    for (const v1::Run& run : submitted.runs()) {
      insert.bind(1, run.run_id());
      insert.bind(2, sweep_id);
      insert.bind(3, run.sibling_set_id());
      insert.bind(4, kOpen);
      BindMessage(insert, 5, run);
      insert.exec();
      insert.reset();
    }
    transaction.commit();
    return absl::OkStatus();
  });
}

absl::Status ResultsStore::EndRun(const std::string& sweep_id, const std::string& run_id, const v1::RunResult* result) {
  absl::MutexLock lock(&mutex_);
  return GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    v1::Run run;
    SQLite::Statement select(*database_, "SELECT run FROM runs WHERE run_id = ?");
    select.bind(1, run_id);
    if (select.executeStep()) {
      ASSIGN_OR_RETURN(run, ParseColumn<v1::Run>(select.getColumn(0), path_));
    }
    select.reset();
    run.set_run_id(run_id);
    run.set_sweep_id(sweep_id);
    if (result != nullptr) *run.mutable_result() = *result;
    SQLite::Statement replace(*database_, "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)");
    replace.bind(1, run_id);
    replace.bind(2, sweep_id);
    replace.bind(3, run.sibling_set_id());
    replace.bind(4, result != nullptr ? kSucceeded : kEnded);
    BindMessage(replace, 5, run);
    replace.exec();
    return absl::OkStatus();
  });
}

absl::Status ResultsStore::EndRuns(const std::string& sweep_id) {
  absl::MutexLock lock(&mutex_);
  return GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    SQLite::Statement update(*database_, "UPDATE runs SET state = ? WHERE sweep_id = ? AND state = ?");
    update.bind(1, kEnded);
    update.bind(2, sweep_id);
    update.bind(3, kOpen);
    update.exec();
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::Run> ResultsStore::FindRun(const std::string& run_id) {
  absl::MutexLock lock(&mutex_);
  v1::Run run;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    SQLite::Statement select(*database_, "SELECT run, state FROM runs WHERE run_id = ?");
    select.bind(1, run_id);
    if (!select.executeStep()) {
      return absl::NotFoundError(absl::StrCat("run ", Quoted(run_id), ": there is none of this id"));
    }
    if (select.getColumn(1).getInt() != kSucceeded) {
      return absl::FailedPreconditionError(absl::StrCat("run ", Quoted(run_id), ": has no dictionary",
                                                        select.getColumn(1).getInt() == kOpen ? " yet" : ""));
    }
    ASSIGN_OR_RETURN(run, ParseColumn<v1::Run>(select.getColumn(0), path_));
    return absl::OkStatus();
  }));
  return run;
}

void ResultsStore::WriteArtifact(const v1::Artifact& artifact) {
  SQLite::Statement insert(*database_, "INSERT OR REPLACE INTO artifacts VALUES (?, ?)");
  insert.bind(1, artifact.manifest_sha256());
  BindMessage(insert, 2, artifact);
  insert.exec();
}

absl::StatusOr<v1::Artifact> ResultsStore::FindArtifact(const std::string& id) {
  const absl::StatusOr<v1::Run> run = FindRun(id);
  if (run.ok()) return run->result().dictionary();
  if (!absl::IsNotFound(run.status())) return run.status();
  absl::MutexLock lock(&mutex_);
  v1::Artifact artifact;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    SQLite::Statement select(*database_, "SELECT artifact FROM artifacts WHERE manifest_sha256 = ?");
    select.bind(1, id);
    if (!select.executeStep()) {
      return absl::NotFoundError(absl::StrCat("artifact ", Quoted(id),
                                              ": there is neither a run of this id nor an "
                                              "artifact with this manifest"));
    }
    ASSIGN_OR_RETURN(artifact, ParseColumn<v1::Artifact>(select.getColumn(0), path_));
    return absl::OkStatus();
  }));
  return artifact;
}

absl::StatusOr<ResultsStore::SweepState> ResultsStore::GetSweepState(const std::string& sweep_id) {
  absl::MutexLock lock(&mutex_);
  SweepState state;
  RETURN_IF_ERROR(GuardSqlite(path_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    SQLite::Statement sets(*database_,
                           "SELECT sibling_set_id, agreement_key IS NULL AND failure IS NULL FROM sibling_sets "
                           "WHERE sweep_id = ? ORDER BY position");
    sets.bind(1, sweep_id);
    while (sets.executeStep()) {
      state.sets.push_back({sets.getColumn(0).getString(), sets.getColumn(1).getInt() != 0});
    }
    SQLite::Statement runs(*database_, "SELECT COUNT(*), COALESCE(SUM(state = ?), 0) FROM runs WHERE sweep_id = ?");
    runs.bind(1, kOpen);
    runs.bind(2, sweep_id);
    runs.executeStep();
    const bool known = runs.getColumn(0).getInt64() > 0;
    if (!known && state.sets.empty()) {
      return absl::NotFoundError(absl::StrCat("sweep ", Quoted(sweep_id), ": there is none of this id"));
    }
    SQLite::Statement missing(*database_, kSelectMissingSets);
    missing.bind(1, sweep_id);
    missing.bind(2, kSucceeded);
    state.ended = known && runs.getColumn(1).getInt64() == 0 && !missing.executeStep();
    return absl::OkStatus();
  }));
  return state;
}

}  // namespace seedbed
