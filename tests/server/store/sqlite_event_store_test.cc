#include "server/store/sqlite_event_store.h"

#include <signal.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/support/temp_folder.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

v1::Event MakeEvent(int64_t number, const std::string& sweep_id = "s1") {
  v1::Event event;
  event.set_number(number);
  event.set_sweep_id(sweep_id);
  event.mutable_run_failed()->set_run_id(absl::StrCat(sweep_id, "-r", number));
  return event;
}

std::vector<int64_t> Numbers(const absl::StatusOr<std::vector<v1::Event>>& events) {
  EXPECT_TRUE(events.ok()) << events.status();
  std::vector<int64_t> numbers;
  if (!events.ok()) return numbers;
  for (const v1::Event& event : *events) numbers.push_back(event.number());
  return numbers;
}

class SqliteEventStoreTest : public testing::Test {
 protected:
  std::unique_ptr<SqliteEventStore> MustOpen() {
    absl::StatusOr<std::unique_ptr<SqliteEventStore>> store = SqliteEventStore::Open(path_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  void ExpectOpenFails(absl::StatusCode code, const std::string& text) {
    const absl::Status status = SqliteEventStore::Open(path_).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  }

  // As another program would, behind the store's back.
  void Execute(const std::string& sql) { SQLite::Database(path_, SQLite::OPEN_READWRITE).exec(sql); }

  TempFolder folder_;
  std::string path_ = folder_.File("events.db");
};

TEST_F(SqliteEventStoreTest, KeepsEventsOverAReopening) {
  {
    auto store = MustOpen();
    EXPECT_EQ(*store->LastNumber(), 0);
    ASSERT_TRUE(store->Append({MakeEvent(1), MakeEvent(2, "s2")}).ok());
    ASSERT_TRUE(store->Append({MakeEvent(3)}).ok());
  }
  auto store = MustOpen();
  EXPECT_EQ(*store->LastNumber(), 3);
  const auto events = store->ReadAfter(0, 10);
  ASSERT_THAT(Numbers(events), ElementsAre(1, 2, 3));
  EXPECT_EQ((*events)[1].SerializeAsString(), MakeEvent(2, "s2").SerializeAsString());
}

TEST_F(SqliteEventStoreTest, ReadsPagesOfAllOrOfOneSweep) {
  auto store = MustOpen();
  std::vector<v1::Event> events;
  for (int number = 1; number <= 10; ++number) events.push_back(MakeEvent(number, number % 3 == 0 ? "s2" : "s1"));
  ASSERT_TRUE(store->Append(events).ok());
  EXPECT_THAT(Numbers(store->ReadAfter(0, 3)), ElementsAre(1, 2, 3));
  EXPECT_THAT(Numbers(store->ReadAfter(8, 100)), ElementsAre(9, 10));
  EXPECT_THAT(Numbers(store->ReadAfter(10, 100)), IsEmpty());
  EXPECT_THAT(Numbers(store->ReadAfter(3, 100, "s2")), ElementsAre(6, 9));
  EXPECT_THAT(Numbers(store->ReadAfter(0, 2, "s2")), ElementsAre(3, 6));
  EXPECT_THAT(Numbers(store->ReadAfter(0, 2, "s9")), IsEmpty());
}

TEST_F(SqliteEventStoreTest, CutsAPageOfLargeEvents) {
  auto store = MustOpen();
  std::vector<v1::Event> events;
  for (int number = 1; number <= 4; ++number) {
    events.push_back(MakeEvent(number));
    events.back().mutable_run_failed()->mutable_failure()->set_message(std::string(5 << 20, 'x'));
  }
  ASSERT_TRUE(store->Append(events).ok());
  EXPECT_THAT(Numbers(store->ReadAfter(0, 100)), ElementsAre(1, 2));
  EXPECT_THAT(Numbers(store->ReadAfter(2, 100)), ElementsAre(3, 4));
}

TEST_F(SqliteEventStoreTest, RefusesAGapAndAppendsNothing) {
  auto store = MustOpen();
  EXPECT_EQ(store->Append({MakeEvent(2)}).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(store->Append({MakeEvent(1), MakeEvent(3)}).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(*store->LastNumber(), 0);
  ASSERT_TRUE(store->Append({MakeEvent(1)}).ok());
  EXPECT_EQ(store->Append({MakeEvent(1)}).code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(store->Append({}).ok());
  EXPECT_THAT(Numbers(store->ReadAfter(0, 10)), ElementsAre(1));
}

TEST_F(SqliteEventStoreTest, NamesADamagedEvent) {
  const std::string damages[] = {
      "UPDATE events SET body = x'00' || body WHERE number = 2",
      "UPDATE events SET body = zeroblob(length(body)) WHERE number = 2",
      "UPDATE events SET body = x'' WHERE number = 2",
      "UPDATE events SET checksum = checksum + 1 WHERE number = 2",
      "UPDATE events SET body = (SELECT body FROM events WHERE number = 1), "
      "checksum = (SELECT checksum FROM events WHERE number = 1) WHERE number = 2",
  };
  for (const std::string& damage : damages) {
    ASSERT_TRUE(RemoveAll(path_).ok());
    ASSERT_TRUE(MustOpen()->Append({MakeEvent(1), MakeEvent(2), MakeEvent(3)}).ok());
    Execute(damage);
    auto store = MustOpen();
    const absl::Status status = store->ReadAfter(0, 10).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << damage;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat(path_, ": event 2 is damaged"))) << damage;
    EXPECT_THAT(Numbers(store->ReadAfter(2, 10)), ElementsAre(3));
  }
}

TEST_F(SqliteEventStoreTest, NamesAMissingEvent) {
  ASSERT_TRUE(MustOpen()->Append({MakeEvent(1), MakeEvent(2), MakeEvent(3)}).ok());
  Execute("DELETE FROM events WHERE number = 2");
  const absl::Status status = MustOpen()->ReadAfter(0, 10).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("event 2 is missing"));
}

TEST_F(SqliteEventStoreTest, RefusesANewerLayout) {
  MustOpen();
  Execute("PRAGMA user_version = 2");
  ExpectOpenFails(absl::StatusCode::kFailedPrecondition,
                  "has layout version 2, made by a newer Seedbed; this one knows up to version 1");
}

// What the layout was is written out here, so that no change of it goes unnoticed: a newer version must open this one.
TEST_F(SqliteEventStoreTest, OpensALogOfVersion1) {
  {
    SQLite::Database database(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec(
        "CREATE TABLE events (number INTEGER PRIMARY KEY, sweep_id TEXT NOT NULL, checksum INTEGER NOT NULL, "
        "body BLOB NOT NULL);"
        "CREATE INDEX events_by_sweep ON events (sweep_id, number);"
        // Event {number: 1, sweep_id: "s1", sweep_cancelled {}}.
        "INSERT INTO events VALUES (1, 's1', 4998321192808324850, x'08011a0273315200');"
        "PRAGMA user_version = 1");
  }
  auto store = MustOpen();
  ASSERT_NE(store, nullptr);
  const auto events = store->ReadAfter(0, 10);
  ASSERT_THAT(Numbers(events), ElementsAre(1));
  EXPECT_TRUE((*events)[0].has_sweep_cancelled());
  EXPECT_TRUE(store->Append({MakeEvent(2)}).ok());
}

TEST_F(SqliteEventStoreTest, ABackupIsALogOfItsOwn) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Append({MakeEvent(1), MakeEvent(2, "s2")}).ok());
  const std::string copy = folder_.File("copy.db");
  const absl::StatusOr<int64_t> last = store->BackUp(copy);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(*last, 2);
  ASSERT_TRUE(store->Append({MakeEvent(3)}).ok()) << "the service goes on";
  EXPECT_FALSE(PathExists(copy + ".partial"));
  EXPECT_EQ(store->BackUp(copy).status().code(), absl::StatusCode::kAlreadyExists);
  absl::StatusOr<std::unique_ptr<SqliteEventStore>> opened = SqliteEventStore::Open(copy);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_THAT(Numbers((*opened)->ReadAfter(0, 10)), ElementsAre(1, 2));
  EXPECT_TRUE((*opened)->Append({MakeEvent(3)}).ok());
}

TEST_F(SqliteEventStoreTest, ABackupThatCanNotBeWrittenLeavesNothing) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Append({MakeEvent(1)}).ok());
  const std::string nowhere = JoinPath(ReadOnlyFolder(), "copy.db");
  EXPECT_EQ(store->BackUp(nowhere).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(PathExists(nowhere));
  EXPECT_TRUE(store->Append({MakeEvent(2)}).ok());
}

TEST_F(SqliteEventStoreTest, RefusesASecondOwnerUntilTheFirstIsGone) {
  auto store = MustOpen();
  ExpectOpenFails(absl::StatusCode::kFailedPrecondition, "another coordinator uses this database");
  store.reset();
  EXPECT_NE(MustOpen(), nullptr);
}

TEST_F(SqliteEventStoreTest, RefusesWhatIsNoDatabase) {
  ASSERT_TRUE(WriteFileDurably(path_, std::string(5000, 'x')).ok());
  ExpectOpenFails(absl::StatusCode::kDataLoss, "file is not a database");
}

TEST_F(SqliteEventStoreTest, RefusesAReadOnlyOrMissingFolder) {
  path_ = JoinPath(ReadOnlyFolder(), "events.db");
  ExpectOpenFails(absl::StatusCode::kPermissionDenied, "can't lock the database");
  path_ = folder_.File("missing/events.db");
  ExpectOpenFails(absl::StatusCode::kNotFound, "No such file");
}

TEST_F(SqliteEventStoreTest, AFullDiskLosesNothingThatWasThere) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Append({MakeEvent(1)}).ok());
  // A limit on the size of files stands in for a full disk: writing beyond it fails in the same place.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 64 << 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  v1::Event large = MakeEvent(2);
  large.mutable_run_failed()->mutable_failure()->set_message(std::string(1 << 20, 'x'));
  const absl::Status status = store->Append({large});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  EXPECT_EQ(*store->LastNumber(), 1);
  EXPECT_TRUE(store->Append({large}).ok()) << "there is room again";
  store.reset();
  EXPECT_THAT(Numbers(MustOpen()->ReadAfter(0, 10)), ElementsAre(1, 2));
}

}  // namespace
}  // namespace seedbed
