#include "server/results/results_store.h"

#include <signal.h>

#include "SQLiteCpp/SQLiteCpp.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/results/comparison.h"
#include "tests/common/testing.h"
#include "tests/server/results/fixtures.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ResultsStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  // As after a restart of the service.
  void Reopen() {
    store_.reset();
    auto opened = ResultsStore::Open(path_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  std::string OpenError() {
    store_.reset();
    const auto opened = ResultsStore::Open(path_);
    EXPECT_FALSE(opened.ok());
    return std::string(opened.status().message());
  }

  std::vector<std::string> PendingIds() {
    const auto pending = store_->Pending();
    EXPECT_TRUE(pending.ok()) << pending.status();
    std::vector<std::string> ids;
    for (const v1::Agreement& request : *pending) ids.push_back(request.sibling_set_id());
    return ids;
  }

  void Add(const v1::Agreement& request, int64_t event = 1) {
    const absl::Status status = store_->AddSiblingSet(request, {event, request.sweep_id()});
    ASSERT_TRUE(status.ok()) << status;
  }

  TempFolder folder_;
  const std::string path_ = folder_.Path("data/results.db");
  std::unique_ptr<ResultsStore> store_;
};

TEST_F(ResultsStoreTest, RefusesASecondUser) {
  const auto second = ResultsStore::Open(path_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(), HasSubstr("another results service uses this database"));
  EXPECT_THAT(second.status().message(), HasSubstr(path_));
}

TEST_F(ResultsStoreTest, RefusesAFileThatIsNoDatabase) {
  store_.reset();
  ASSERT_TRUE(RemoveAll(folder_.Path("data")).ok());
  ASSERT_TRUE(MakeFolders(folder_.Path("data")).ok());
  const std::string text(4096, 'x');
  ASSERT_TRUE(WriteFileDurably(path_, text).ok());
  EXPECT_THAT(OpenError(), HasSubstr("results.db"));
  EXPECT_EQ(ReadFile(path_).value(), text) << "it is left as it was";
}

TEST_F(ResultsStoreTest, RefusesANewerLayout) {
  store_.reset();
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 9");
  EXPECT_THAT(OpenError(), HasSubstr("layout version 9"));
}

TEST_F(ResultsStoreTest, RefusesAFolderThatCanNotBeWritten) {
  const auto opened = ResultsStore::Open("/sys/results.db");
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kPermissionDenied) << opened.status();
  EXPECT_THAT(opened.status().message(), HasSubstr("/sys/results.db"));
  ASSERT_TRUE(WriteFileDurably(folder_.Path("file"), "").ok());
  EXPECT_FALSE(ResultsStore::Open(folder_.Path("file/results.db")).ok());
}

TEST_F(ResultsStoreTest, DamagedMessagesAreNamedAndNotFatal) {
  Add(TestRequest("sweep", "set", "content"));
  store_.reset();
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("UPDATE sibling_sets SET request = x'ff'");
  Reopen();
  EXPECT_EQ(store_->Pending().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_->List("sweep").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(store_->Get("set").status().message(), HasSubstr("results.db"));
}

TEST_F(ResultsStoreTest, StartsAtTheBeginning) {
  EXPECT_EQ(store_->LoadCursor()->event, 0);
  EXPECT_THAT(PendingIds(), IsEmpty());
  EXPECT_THAT(store_->List("sweep")->agreements, IsEmpty());
  EXPECT_EQ(store_->Get("set").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ResultsStoreTest, KeepsTheCursor) {
  ASSERT_TRUE(store_->SaveCursor({17, "sweep"}).ok());
  Reopen();
  EXPECT_EQ(store_->LoadCursor()->event, 17);
  EXPECT_EQ(store_->LoadCursor()->sweep_id, "sweep");
}

TEST_F(ResultsStoreTest, KeepsWhatIsPendingWithTheCursorOfItsEvent) {
  Add(TestRequest("sweep", "a", "content a"), 5);
  Add(TestRequest("sweep", "b", "content b"), 8);
  Reopen();
  EXPECT_EQ(store_->LoadCursor()->event, 8);
  EXPECT_THAT(PendingIds(), ElementsAre("a", "b"));
  EXPECT_THAT(store_->List("sweep")->pending_sibling_set_ids, ElementsAre("a", "b"));
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Pending()->front().SerializeAsString(), TestRequest("sweep", "a", "content a").SerializeAsString());
}

TEST_F(ResultsStoreTest, AnswersWithTheNumbersOnceTheyAreStored) {
  const v1::Agreement request = TestRequest("sweep", "a", "content");
  Add(request);
  Add(TestRequest("sweep", "b", "other"), 2);
  ASSERT_TRUE(store_->StoreNumbers(request, ContentKey(request), TestAnswer(request, 0.25)).ok());
  Reopen();
  EXPECT_THAT(PendingIds(), ElementsAre("b"));
  const auto listed = store_->List("sweep");
  ASSERT_EQ(listed->agreements.size(), 1);
  EXPECT_THAT(listed->pending_sibling_set_ids, ElementsAre("b"));
  EXPECT_EQ(listed->agreements[0].siblings().pw_mcc(), 0.25);
  EXPECT_EQ(store_->Get("a")->SerializeAsString(), listed->agreements[0].SerializeAsString());
  EXPECT_THAT(store_->List("other sweep")->agreements, IsEmpty());
}

TEST_F(ResultsStoreTest, TheSameEventTwiceChangesNothing) {
  const v1::Agreement request = TestRequest("sweep", "a", "content");
  Add(request);
  ASSERT_TRUE(store_->StoreNumbers(request, ContentKey(request), TestAnswer(request)).ok());
  Add(request);
  EXPECT_THAT(PendingIds(), IsEmpty());
  EXPECT_TRUE(store_->Get("a").ok());
}

TEST_F(ResultsStoreTest, ASetThatWasTrainedAgainIsPendingAgain) {
  const v1::Agreement before = TestRequest("sweep", "a", "content", 2);
  const v1::Agreement after = TestRequest("sweep", "a", "content", 3);
  Add(before);
  ASSERT_TRUE(store_->StoreNumbers(before, ContentKey(before), TestAnswer(before)).ok());
  Add(after, 2);
  EXPECT_THAT(PendingIds(), ElementsAre("a"));
  // The answer to what was asked before comes too late.
  ASSERT_TRUE(store_->StoreNumbers(before, ContentKey(before), TestAnswer(before)).ok());
  ASSERT_TRUE(store_->StoreFailure(before, v1::Failure()).ok());
  EXPECT_THAT(PendingIds(), ElementsAre("a"));
  ASSERT_TRUE(store_->StoreNumbers(after, ContentKey(after), TestAnswer(after)).ok());
  EXPECT_EQ(store_->Get("a")->dictionaries_size(), 3);
}

TEST_F(ResultsStoreTest, NumbersAreKeptByContentAndFirstOnesStay) {
  const v1::Agreement request = TestRequest("sweep", "a", "content");
  const std::string key = ContentKey(request);
  EXPECT_FALSE(store_->FindNumbers(key)->has_value());
  Add(request);
  ASSERT_TRUE(store_->StoreNumbers(request, key, TestAnswer(request, 0.25)).ok());
  ASSERT_TRUE(store_->StoreNumbers(request, key, TestAnswer(request, 0.75)).ok());
  Reopen();
  EXPECT_EQ((*store_->FindNumbers(key))->siblings().pw_mcc(), 0.25);
}

TEST_F(ResultsStoreTest, AFailureIsAnAnswerToo) {
  const v1::Agreement request = TestRequest("sweep", "a", "content");
  Add(request);
  v1::Failure failure;
  failure.set_message("why");
  ASSERT_TRUE(store_->StoreFailure(request, failure).ok());
  Reopen();
  EXPECT_THAT(PendingIds(), IsEmpty());
  EXPECT_EQ(store_->Get("a")->failure().message(), "why");
  EXPECT_EQ(store_->Get("a")->dictionaries_size(), 0);
  EXPECT_FALSE(store_->FindNumbers(ContentKey(request))->has_value()) << "another set may have better luck";
}

TEST_F(ResultsStoreTest, ARequestThatMakesNoSenseIsStoredAsFailed) {
  Add(TestRequest("sweep", "a", "content", 1));
  EXPECT_THAT(PendingIds(), IsEmpty());
  EXPECT_THAT(store_->Get("a")->failure().message(), HasSubstr("two or more"));
}

// A file that an earlier version left: what it has stays, and the log is read again.
TEST_F(ResultsStoreTest, UpgradesAnOlderLayoutAndReadsTheLogAgain) {
  const v1::Agreement request = TestRequest("sweep", "a", "content");
  Add(request, 7);
  ASSERT_TRUE(store_->StoreNumbers(request, ContentKey(request), TestAnswer(request)).ok());
  store_.reset();
  SQLite::Database(path_, SQLite::OPEN_READWRITE)
      .exec("DROP TABLE runs; DROP TABLE artifacts; PRAGMA user_version = 1");
  Reopen();
  EXPECT_EQ(store_->LoadCursor()->event, 0);
  EXPECT_EQ(store_->Get("a")->pairs_size(), 3);
  EXPECT_TRUE(store_->AddRuns("sweep", SubmittedEvent("sweep", "a").sweep_submitted()).ok());
  Reopen();
  EXPECT_EQ(store_->FindRun("a-run-0").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ResultsStoreTest, ARequestBesideTheSetsIsTriedAgainOnlyWhereItFailed) {
  const v1::Agreement request = AtThreshold(TestRequest("sweep", "a", "content"), 0.5);
  EXPECT_EQ(store_->FindRequest("a@0.5").status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(store_->AddRequest(request).ok());
  EXPECT_THAT(PendingIds(), ElementsAre("a@0.5"));
  EXPECT_THAT(store_->List("sweep")->pending_sibling_set_ids, IsEmpty()) << "it is none of the sweep's own";
  v1::Failure failure;
  failure.set_message("why");
  ASSERT_TRUE(store_->StoreFailure(request, failure).ok());
  EXPECT_THAT(PendingIds(), IsEmpty());
  ASSERT_TRUE(store_->AddRequest(request).ok());
  EXPECT_THAT(PendingIds(), ElementsAre("a@0.5"));
  ASSERT_TRUE(store_->StoreNumbers(request, ContentKey(request), TestAnswer(request)).ok());
  ASSERT_TRUE(store_->AddRequest(request).ok());
  EXPECT_THAT(PendingIds(), IsEmpty());
  EXPECT_EQ(store_->FindRequest("a@0.5")->threshold(), 0.5);
}

TEST_F(ResultsStoreTest, ServesTheArtifactsOfRunsAndOfAgreements) {
  const v1::Event finished = FinishedEvent("sweep", "a", "content");
  ASSERT_TRUE(store_->AddRuns("sweep", SubmittedEvent("sweep", "a").sweep_submitted()).ok());
  ASSERT_TRUE(store_->EndRun("sweep", "a-run-1", &finished.sibling_set_finished().results(1)).ok());
  const v1::Agreement request = TestRequest("sweep", "a", "content");
  Add(request);
  v1::Agreement answer = TestAnswer(request);
  answer.mutable_stability()->set_path("/results/stability");
  answer.mutable_stability()->set_manifest_sha256("of stability");
  ASSERT_TRUE(store_->StoreNumbers(request, ContentKey(request), answer).ok());
  Reopen();
  EXPECT_EQ(store_->FindArtifact("a-run-1")->path(), "/artifacts/sweep/a-run-1");
  EXPECT_EQ(store_->FindArtifact("of stability")->path(), "/results/stability");
  EXPECT_EQ(store_->Get("a")->stability().path(), "/results/stability");
  EXPECT_EQ(store_->FindArtifact("a-run-0").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->FindArtifact("").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(store_->FindArtifact("a-run-9").status().message()), HasSubstr("\"a-run-9\""));
}

TEST_F(ResultsStoreTest, TheStateOfASweepNamesItsSets) {
  EXPECT_EQ(store_->GetSweepState("sweep").status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(store_->AddRuns("sweep", SubmittedEvent("sweep", "a").sweep_submitted()).ok());
  EXPECT_FALSE(store_->GetSweepState("sweep")->ended);
  const v1::Agreement request = TestRequest("sweep", "a", "content");
  Add(request);
  EXPECT_TRUE(store_->GetSweepState("sweep")->sets.at(0).pending);
  ASSERT_TRUE(store_->StoreNumbers(request, ContentKey(request), TestAnswer(request)).ok());
  EXPECT_FALSE(store_->GetSweepState("sweep")->sets.at(0).pending);
  ASSERT_TRUE(store_->EndRuns("sweep").ok());
  EXPECT_TRUE(store_->GetSweepState("sweep")->ended);
}

// The process dies without closing the database; what was answered OK is there.
TEST_F(ResultsStoreTest, SurvivesTheDeathOfItsProcess) {
  store_.reset();
  const auto request = TestRequest("sweep", "a", "content");
  EXPECT_FALSE(InChild([&] {
    auto store = ResultsStore::Open(path_);
    if (!store.ok() || !(*store)->AddSiblingSet(request, {3, "sweep"}).ok()) return true;
    if (!(*store)->StoreNumbers(request, ContentKey(request), TestAnswer(request)).ok()) return true;
    if (!(*store)->SaveCursor({4, "sweep"}).ok()) return true;
    raise(SIGKILL);
    return true;
  }));
  Reopen();
  EXPECT_EQ(store_->LoadCursor()->event, 4);
  EXPECT_EQ(store_->Get("a")->pairs_size(), 3);
}

}  // namespace
}  // namespace seedbed
