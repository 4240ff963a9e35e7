#include "worker/daemon/inspector.h"

#include <atomic>
#include <filesystem>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/daemon/rank_testing.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Time stands still but for what a test advances.
class InspectorTest : public testing::Test {
 protected:
  InspectorTest() { StartInspector(folders_.Options().trainer_path); }

  void StartInspector(const std::string& trainer_path) {
    Inspector::Options options;
    options.trainer_path = trainer_path;
    options.folder = folders_.Path("inspections");
    options.on_change = [this] { ++changes_; };
    inspector_ = Inspector::Start(std::move(options), &clock_).value();
  }

  v1::InspectionRequest Request(const std::string& id, const std::string& name) const {
    return InspectionOf(id, name, folders_.Path(absl::StrCat(id, ".starts")));
  }
  std::vector<int> Starts(const std::string& id) const { return ReadPids(folders_.Path(absl::StrCat(id, ".starts"))); }

  void Want(const std::vector<v1::InspectionRequest>& requests) {
    v1::WorkerDirective directive;
    for (const v1::InspectionRequest& request : requests) *directive.add_inspections() = request;
    inspector_->Apply(directive);
  }
  bool WaitForResults(size_t count) {
    return WaitFor([&] { return inspector_->Results().size() == count; });
  }
  // What an inspection that does `name` ends with.
  v1::InspectionResult ResultOf(const std::string& name) {
    Want({Request(name, name)});
    EXPECT_TRUE(WaitFor([&] {
      const auto results = inspector_->Results();
      return results.size() == 1 && results[0].inspection_id() == name;
    })) << name;
    const auto results = inspector_->Results();
    return results.empty() ? v1::InspectionResult() : results[0];
  }
  size_t Files() const {
    const std::filesystem::directory_iterator files(folders_.Path("inspections"));
    return std::distance(begin(files), end(files));
  }

  RankFolders folders_;
  FakeClock clock_;
  std::atomic<int> changes_{0};
  std::unique_ptr<Inspector> inspector_;
};

TEST_F(InspectorTest, GivesWhatTheTrainerFinds) {
  const v1::InspectionResult good = ResultOf("good");
  EXPECT_EQ(good.error(), "");
  EXPECT_THAT(good.hookpoints(), ElementsAre("layers.0"));
  EXPECT_EQ(good.rows_per_epoch(), 7);
  const v1::InspectionResult bad = ResultOf("bad");
  EXPECT_EQ(bad.error(), "");
  ASSERT_EQ(bad.violations_size(), 1);
  EXPECT_EQ(bad.violations(0).field(), "model.path");
}

TEST_F(InspectorTest, ATrainerThatEndsOtherwiseIsAnErrorWithItsLastLines) {
  EXPECT_EQ(ResultOf("exit3").error(),
            "seedbed-trainer --inspect exited with code 3; its last lines: reading the model; out of luck: \uFFFD");
  EXPECT_THAT(ResultOf("abort").error(), HasSubstr("killed by signal 6"));
  EXPECT_THAT(ResultOf("silent").error(), HasSubstr("exited with code 0 without a result"));
  EXPECT_THAT(ResultOf("otherid").error(), HasSubstr("the result of another inspection, \"of-another\""));
  EXPECT_THAT(ResultOf("twice").error(), HasSubstr("a message that is not its one result"));
  EXPECT_THAT(ResultOf("hello").error(), HasSubstr("a message that is not its one result"));
  EXPECT_THAT(ResultOf("long").error(), HasSubstr("at most 65536 are allowed"));
}

TEST_F(InspectorTest, ATrainerThatCannotBeStartedIsAnError) {
  StartInspector("/no/such/trainer");
  EXPECT_THAT(ResultOf("good").error(), AllOf(HasSubstr("could not be started"), HasSubstr("/no/such/trainer")));
}

TEST_F(InspectorTest, ATrainerThatHangsIsKilledWhenItsTimeIsOver) {
  Want({Request("slow", "hang")});
  ASSERT_TRUE(WaitFor([&] { return Starts("slow").size() == 1; }));
  clock_.Advance(absl::Seconds(59));
  ASSERT_TRUE(IsAlive(Starts("slow").at(0)));
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(WaitForResults(1));
  EXPECT_THAT(inspector_->Results()[0].error(), AllOf(HasSubstr("did not end within 1m"), HasSubstr("out of luck")));
  EXPECT_FALSE(IsAlive(Starts("slow").at(0)));
}

TEST_F(InspectorTest, KeepsAResultUntilItIsNotWantedAnyMore) {
  const v1::InspectionRequest request = Request("a", "good");
  Want({request});
  ASSERT_TRUE(WaitForResults(1));
  Want({request});
  Want({request, Request("b", "good")});
  ASSERT_TRUE(WaitForResults(2));
  EXPECT_EQ(Starts("a").size(), 1) << "asked three times, inspected once";
  Want({});
  ASSERT_TRUE(WaitForResults(0));
  EXPECT_TRUE(WaitFor([&] { return Files() == 0; }));
  EXPECT_GE(changes_, 3);
}

TEST_F(InspectorTest, WhatIsNotWantedAnyMoreIsKilled) {
  Want({Request("a", "hang")});
  ASSERT_TRUE(WaitFor([&] { return Starts("a").size() == 1; }));
  const int pid = Starts("a").at(0);
  Want({});
  EXPECT_TRUE(WaitFor([&] { return !IsAlive(pid); }));
  EXPECT_THAT(inspector_->Results(), IsEmpty());
}

TEST_F(InspectorTest, NoMoreThanTwoRunAtOnce) {
  Want({Request("a", "hang"), Request("b", "hang"), Request("c", "good")});
  ASSERT_TRUE(WaitFor([&] { return Starts("a").size() == 1 && Starts("b").size() == 1; }));
  EXPECT_THAT(Starts("c"), IsEmpty());
  Want({Request("b", "hang"), Request("c", "good")});
  ASSERT_TRUE(WaitForResults(1));
  EXPECT_EQ(inspector_->Results()[0].inspection_id(), "c");
  EXPECT_TRUE(IsAlive(Starts("b").at(0)));
}

TEST_F(InspectorTest, AStopKillsWhatRuns) {
  Want({Request("a", "hang")});
  ASSERT_TRUE(WaitFor([&] { return Starts("a").size() == 1; }));
  inspector_->Stop();
  EXPECT_FALSE(IsAlive(Starts("a").at(0)));
  EXPECT_EQ(Files(), 0);
  inspector_->Stop();
}

TEST_F(InspectorTest, FilesOfAnEarlierLifeAreRemoved) {
  inspector_->Stop();
  ASSERT_TRUE(WriteFileDurably(folders_.Path("inspections/7.request"), "old").ok());
  StartInspector(folders_.Options().trainer_path);
  EXPECT_EQ(Files(), 0);
}

}  // namespace
}  // namespace seedbed
