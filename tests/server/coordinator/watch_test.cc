// What watchers are told.
#include <memory>
#include <string>
#include <vector>

#include "tests/server/coordinator/coordinator_fixture.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct RecordingSink final : public WatchSink {
  void OnEvents() override { ++events; }
  void OnProgress(const v1::RunProgress& latest) override { progress.push_back(latest.step()); }
  int events = 0;
  std::vector<int64_t> progress;
};

class WatchTest : public CoordinatorFixture {
 protected:
  std::shared_ptr<RecordingSink> Watch(const std::string& sweep_id, bool with_progress) {
    v1::WatchSweepRequest request;
    request.set_sweep_id(sweep_id);
    request.set_with_progress(with_progress);
    auto sink = std::make_shared<RecordingSink>();
    const auto watcher = coordinator_->AddWatcher(request, sink);
    EXPECT_TRUE(watcher.ok());
    last_watcher_ = watcher.value_or(0);
    return sink;
  }

  uint64_t last_watcher_ = 0;
};

TEST_F(WatchTest, AnUnknownSweepIsNotFound) {
  v1::WatchSweepRequest request;
  request.set_sweep_id("s1");
  EXPECT_EQ(coordinator_->AddWatcher(request, std::make_shared<RecordingSink>()).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(coordinator_->Gauges().watchers, 0);
}

TEST_F(WatchTest, TellsOfEventsOfTheSweepOrOfAll) {
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  const auto of_one = Watch("s1", false);
  const auto of_all = Watch("", false);
  EXPECT_EQ(coordinator_->Gauges().watchers, 2);
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  EXPECT_EQ(of_one->events, 0);
  EXPECT_EQ(of_all->events, 1);
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  EXPECT_EQ(of_one->events, 1);
  EXPECT_EQ(of_all->events, 2);
  coordinator_->RemoveWatcher(last_watcher_);
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  EXPECT_EQ(of_all->events, 2);
  EXPECT_EQ(coordinator_->Gauges().watchers, 1);
}

TEST_F(WatchTest, TellsOfProgressThatIsNews) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(1), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  const auto with = Watch("s1", true);
  const auto without = Watch("s1", false);
  worker.Step(4);
  ASSERT_TRUE(worker.Report().ok());
  ASSERT_TRUE(worker.Report().ok());
  worker.Step(6);
  ASSERT_TRUE(worker.Report().ok());
  EXPECT_THAT(with->progress, ElementsAre(4, 6));
  EXPECT_THAT(without->progress, IsEmpty());
  EXPECT_THAT(Watch("s1", true)->progress, ElementsAre(6)) << "what is known when it begins to watch";
}

TEST_F(WatchTest, ReadsEventsFromANumberToTheEnd) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(1), worker).ok());
  ASSERT_TRUE(Submit(DemoSweep(1), worker).ok());
  const auto first = coordinator_->ReadEvents("s1", 0, 1);
  ASSERT_EQ(first->events.size(), 1);
  EXPECT_TRUE(first->events[0].has_sweep_submitted());
  EXPECT_TRUE(first->more);
  EXPECT_FALSE(first->ended);
  const auto rest = coordinator_->ReadEvents("s1", 1, 100);
  ASSERT_EQ(rest->events.size(), 1);
  EXPECT_TRUE(rest->events[0].has_gang_placed());
  EXPECT_FALSE(rest->more);
  EXPECT_FALSE(rest->ended);
  TrainToTheEnd(worker);
  EXPECT_TRUE(coordinator_->ReadEvents("s1", 2, 100)->ended);
  EXPECT_FALSE(coordinator_->ReadEvents("s1", 2, 1)->ended);
  EXPECT_TRUE(coordinator_->ReadEvents("s1", 1000, 1)->ended);
  EXPECT_FALSE(coordinator_->ReadEvents("", 1000, 1)->ended) << "all sweeps never end";
  EXPECT_EQ(coordinator_->ReadEvents("", 0, 100)->events.size(), store_.events().size());
}

}  // namespace
}  // namespace seedbed
