#include "server/results/event_follower.h"

#include <atomic>
#include <memory>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/testing.h"
#include "tests/server/results/fixtures.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EventFollowerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    OpenStore();
    coordinator_.Start();
  }

  void OpenStore() {
    store_.reset();
    auto store = ResultsStore::Open(folder_.Path("results.db"));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Start(int events_per_save = 256) {
    EventFollower::Options options;
    options.coordinator = coordinator_.address();
    options.shortest_backoff = absl::Milliseconds(1);
    options.longest_backoff = absl::Milliseconds(10);
    options.events_per_save = events_per_save;
    follower_.emplace(options, store_->LoadCursor().value(), store_.get(), &metrics_, &feed_, [this] { ++stored_; });
  }
  void Stop() { follower_.reset(); }

  bool AwaitEvent(int64_t number) {
    return WaitFor([&] { return follower_->last_event() == number; });
  }

  std::vector<std::string> PendingIds() {
    const auto pending = store_->Pending();
    EXPECT_TRUE(pending.ok()) << pending.status();
    std::vector<std::string> ids;
    for (const v1::Agreement& request : *pending) ids.push_back(request.sibling_set_id());
    return ids;
  }

  int64_t StoredCursor() { return store_->LoadCursor()->event; }

  TempFolder folder_;
  FakeCoordinator coordinator_;
  std::unique_ptr<ResultsStore> store_;
  ResultsMetrics metrics_;
  AgreementFeed feed_;
  std::atomic<int> stored_{0};
  std::optional<EventFollower> follower_;
};

TEST_F(EventFollowerTest, TakesInWhatHasHappenedAndWhatHappens) {
  coordinator_.Append(OtherEvent("sweep"));
  coordinator_.Append(FinishedEvent("sweep", "a", "content a"));
  Start();
  ASSERT_TRUE(AwaitEvent(2));
  EXPECT_THAT(PendingIds(), ElementsAre("a"));
  coordinator_.Append(FinishedEvent("sweep", "b", "content b"));
  coordinator_.Append(OtherEvent("sweep"));
  ASSERT_TRUE(AwaitEvent(4));
  EXPECT_THAT(PendingIds(), ElementsAre("a", "b"));
  EXPECT_EQ(stored_, 2);
  EXPECT_EQ(store_->Pending()->front().sae().latents(), 512);
  EXPECT_EQ(store_->Pending()->front().sae().seed(), 0);
}

TEST_F(EventFollowerTest, KnowsEveryRunAndWhetherTheSweepHasEnded) {
  const v1::Event finished = FinishedEvent("sweep", "a", "content");
  coordinator_.Append(SubmittedEvent("sweep", "a"));
  coordinator_.Append(SucceededEvent(finished, 0));
  coordinator_.Append(SucceededEvent(finished, 2));
  Start();
  ASSERT_TRUE(AwaitEvent(3));
  EXPECT_EQ(store_->FindRun("a-run-2")->sae().seed(), 2);
  EXPECT_EQ(store_->FindRun("a-run-2")->result().dictionary().path(), "/artifacts/sweep/a-run-2");
  EXPECT_EQ(store_->FindRun("a-run-1").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(store_->GetSweepState("sweep")->ended);
  v1::Event failed;
  failed.set_sweep_id("sweep");
  failed.mutable_run_failed()->set_run_id("a-run-1");
  coordinator_.Append(failed);
  ASSERT_TRUE(AwaitEvent(4));
  EXPECT_FALSE(store_->GetSweepState("sweep")->ended) << "two succeeded, so their set is still to come";
  coordinator_.Append(finished);
  ASSERT_TRUE(AwaitEvent(5));
  EXPECT_TRUE(store_->GetSweepState("sweep")->ended);
}

TEST_F(EventFollowerTest, ACancelledSweepHasEnded) {
  coordinator_.Append(SubmittedEvent("sweep", "a"));
  v1::Event cancelled;
  cancelled.set_sweep_id("sweep");
  cancelled.mutable_sweep_cancelled();
  coordinator_.Append(cancelled);
  Start();
  ASSERT_TRUE(AwaitEvent(2));
  EXPECT_TRUE(store_->GetSweepState("sweep")->ended);
}

TEST_F(EventFollowerTest, TheStoredCursorNeverPassesWhatIsStored) {
  for (int i = 0; i < 5; ++i) coordinator_.Append(OtherEvent("sweep"));
  coordinator_.Append(FinishedEvent("sweep", "a", "content"));
  coordinator_.Append(OtherEvent("sweep"));
  Start();
  ASSERT_TRUE(AwaitEvent(7));
  EXPECT_EQ(StoredCursor(), 6) << "stored with the sibling set; what followed needs no storing";
  Stop();
  EXPECT_EQ(StoredCursor(), 7) << "but a clean stop saves reading it again";
}

TEST_F(EventFollowerTest, SavesTheCursorEveryFewEvents) {
  for (int i = 0; i < 7; ++i) coordinator_.Append(OtherEvent("sweep"));
  Start(/*events_per_save=*/3);
  ASSERT_TRUE(AwaitEvent(7));
  EXPECT_EQ(StoredCursor(), 6);
}

TEST_F(EventFollowerTest, GoesOnFromTheCursorAfterARestart) {
  coordinator_.Append(FinishedEvent("sweep", "a", "content a"));
  Start();
  ASSERT_TRUE(AwaitEvent(1));
  Stop();
  coordinator_.Append(FinishedEvent("sweep", "b", "content b"));
  OpenStore();
  Start();
  ASSERT_TRUE(AwaitEvent(2));
  EXPECT_THAT(PendingIds(), ElementsAre("a", "b"));
  EXPECT_THAT(coordinator_.watches(), ElementsAre(0, 1));
}

TEST_F(EventFollowerTest, FindsACoordinatorThatComesBack) {
  coordinator_.Append(FinishedEvent("sweep", "a", "content a"));
  Start();
  ASSERT_TRUE(AwaitEvent(1));
  coordinator_.Stop();
  coordinator_.Append(FinishedEvent("sweep", "b", "content b"));
  coordinator_.Start();
  ASSERT_TRUE(AwaitEvent(2));
  EXPECT_THAT(PendingIds(), ElementsAre("a", "b"));
}

TEST_F(EventFollowerTest, WaitsForACoordinatorThatIsNotThereYet) {
  coordinator_.Stop();
  Start();
  coordinator_.Append(FinishedEvent("sweep", "a", "content a"));
  coordinator_.Start();
  EXPECT_TRUE(AwaitEvent(1));
}

TEST_F(EventFollowerTest, StopsWhileTheCoordinatorIsGone) {
  coordinator_.Stop();
  Start();
  Stop();
  EXPECT_THAT(PendingIds(), IsEmpty());
}

TEST_F(EventFollowerTest, AFailingCallLosesNothing) {
  coordinator_.BreakGetRun(true);
  coordinator_.Append(OtherEvent("sweep"));
  coordinator_.Append(FinishedEvent("sweep", "a", "content"));
  Start();
  ASSERT_TRUE(WaitFor([&] { return coordinator_.watches().size() >= 3; }));
  EXPECT_EQ(follower_->last_event(), 1) << "it does not pass the event that it could not take in";
  EXPECT_THAT(PendingIds(), IsEmpty());
  coordinator_.BreakGetRun(false);
  ASSERT_TRUE(AwaitEvent(2));
  EXPECT_THAT(PendingIds(), ElementsAre("a"));
}

TEST_F(EventFollowerTest, StartsFromTheBeginningOfANewShorterLog) {
  for (int i = 0; i < 4; ++i) coordinator_.Append(OtherEvent("old sweep"));
  Start();
  ASSERT_TRUE(AwaitEvent(4));
  coordinator_.Stop();
  coordinator_.ReplaceLog();
  coordinator_.Append(FinishedEvent("new sweep", "a", "content"));
  coordinator_.Start();
  ASSERT_TRUE(AwaitEvent(1));
  EXPECT_THAT(PendingIds(), ElementsAre("a"));
}

TEST_F(EventFollowerTest, StartsFromTheBeginningOfANewLongerLog) {
  coordinator_.Append(OtherEvent("old sweep"));
  Start();
  ASSERT_TRUE(AwaitEvent(1));
  coordinator_.Stop();
  coordinator_.ReplaceLog();
  coordinator_.Append(FinishedEvent("new sweep", "a", "content"));
  coordinator_.Append(OtherEvent("new sweep"));
  coordinator_.Start();
  ASSERT_TRUE(AwaitEvent(2));
  EXPECT_THAT(PendingIds(), ElementsAre("a"));
}

TEST_F(EventFollowerTest, AnEventThatMakesNoSenseIsStoredAsFailed) {
  coordinator_.Append(FinishedEvent("sweep", "a", "content", 1));
  coordinator_.Append(FinishedEvent("sweep", "b", "content", 0));
  coordinator_.Append(FinishedEvent("sweep", "c", "content"));
  Start();
  ASSERT_TRUE(AwaitEvent(3));
  EXPECT_TRUE(store_->Get("a")->has_failure());
  EXPECT_TRUE(store_->Get("b")->has_failure());
  EXPECT_THAT(PendingIds(), ElementsAre("c"));
}

}  // namespace
}  // namespace seedbed
