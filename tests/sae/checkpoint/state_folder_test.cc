#include "sae/checkpoint/state_folder.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "ATen/ops/arange.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/full.h"
#include "absl/cleanup/cleanup.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::Status Allow() { return absl::OkStatus(); }

class StateFolderTest : public testing::Test {
 protected:
  StateFolderTest() : folder_(root_.Path("run")) {
    state_["weights"] = at::arange(12, at::kFloat).view({3, 4});
    state_["rows"] = at::full({2, 2}, 1.5, at::kBFloat16);
    state_["steps"] = at::full({}, 42, at::kLong);
    state_["is_dense"] = at::full({}, true, at::kBool);
    state_["text"] = StateOfText("a,b\n");
    state_["nothing"] = at::full({0, 3}, 0.0, at::kDouble);
  }

  absl::Status Write(int64_t step, const std::string& made_from = "x") {
    return WriteState(folder_, {step, made_from}, state_, /*attempt=*/1, &Allow).status();
  }
  std::string TensorsOf(int64_t step) const {
    return JoinPath(JoinPath(folder_, StateFolderName(step)), "state.safetensors");
  }
  std::vector<std::string> Names() const { return ListFolder(folder_).value(); }

  TempFolder root_;
  const std::string folder_;
  StateTensors state_;
};

TEST_F(StateFolderTest, GivesBackEveryTensorOfEveryType) {
  const absl::StatusOr<int64_t> bytes = WriteState(folder_, {42, "x"}, state_, 1, &Allow);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(*bytes, static_cast<int64_t>(std::filesystem::file_size(TensorsOf(42))));
  const absl::StatusOr<StateTensors> read = ReadState(folder_, {42, "x"});
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), state_.size());
  for (const auto& [name, tensor] : state_) {
    EXPECT_EQ(read->at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(read->at(name), tensor)) << name;
  }
  EXPECT_EQ(TextOfState(read->at("text")), "a,b\n");
}

TEST_F(StateFolderTest, ListsStepsAscendingAndNothingElse) {
  EXPECT_THAT(SavedSteps(folder_), IsEmpty());
  for (const int64_t step : {30, 7, 1000}) ASSERT_TRUE(Write(step).ok());
  ASSERT_TRUE(MakeFolders(JoinPath(folder_, StateFolderName(8) + ".attempt-1.tmp")).ok());
  ASSERT_TRUE(MakeFolders(JoinPath(folder_, "step-")).ok());
  EXPECT_THAT(SavedSteps(folder_), ElementsAre(7, 30, 1000));
  ASSERT_TRUE(RemoveState(folder_, 30).ok());
  ASSERT_TRUE(RemoveStagedStates(folder_).ok());
  EXPECT_THAT(Names(), ElementsAre("step-", "step-000000000007", "step-000000001000"));
}

TEST_F(StateFolderTest, AFlippedByteIsNamed) {
  ASSERT_TRUE(Write(5).ok());
  for (const char* name : {"state.safetensors", "manifest.json"}) {
    const std::string path = JoinPath(JoinPath(folder_, StateFolderName(5)), name);
    const std::string whole = ReadFile(path).value();
    std::string damaged = whole;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    ASSERT_TRUE(WriteFileDurably(path, damaged).ok());
    const absl::Status status = ReadState(folder_, {5, "x"}).status();
    EXPECT_FALSE(status.ok()) << name;
    EXPECT_THAT(status.message(), HasSubstr(folder_)) << name;
    ASSERT_TRUE(WriteFileDurably(path, whole).ok());
  }
  EXPECT_TRUE(ReadState(folder_, {5, "x"}).ok());
}

TEST_F(StateFolderTest, ACutOrMissingFileIsNamed) {
  ASSERT_TRUE(Write(5).ok());
  std::filesystem::resize_file(TensorsOf(5), 40);
  absl::Status status = ReadState(folder_, {5, "x"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("state.safetensors"));
  std::filesystem::remove(TensorsOf(5));
  status = ReadState(folder_, {5, "x"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadState(folder_, {6, "x"}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(StateFolderTest, RefusesWhatWasMadeFromSomethingElse) {
  ASSERT_TRUE(Write(5, "the same").ok());
  const absl::Status status = ReadState(folder_, {5, "another"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("made_from"), HasSubstr("the same"), HasSubstr("another")));
  ASSERT_EQ(rename(JoinPath(folder_, StateFolderName(5)).c_str(), JoinPath(folder_, StateFolderName(6)).c_str()), 0);
  EXPECT_THAT(ReadState(folder_, {6, "the same"}).status().message(), HasSubstr("step"));
}

TEST_F(StateFolderTest, WhatMayNotBeCommittedLeavesNothing) {
  ASSERT_TRUE(Write(5).ok());
  const auto refuse = [] { return absl::FailedPreconditionError("attempt 2 has claimed the folder"); };
  const absl::Status status = WriteState(folder_, {6, "x"}, state_, 1, refuse).status();
  EXPECT_THAT(status.message(), HasSubstr("attempt 2"));
  EXPECT_THAT(Names(), ElementsAre("step-000000000005"));
}

TEST_F(StateFolderTest, AFullDiskLeavesNothingHalfWritten) {
  ASSERT_TRUE(Write(5).ok());
  const auto before = signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::Cleanup restore = [limit, before] {
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, before);
  };
  const rlimit small = {64, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = Write(6);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("state.safetensors"));
  EXPECT_THAT(Names(), ElementsAre("step-000000000005"));
}

TEST_F(StateFolderTest, AStateOfTheSameStepIsReplaced) {
  ASSERT_TRUE(Write(5).ok());
  state_["steps"] = at::full({}, 43, at::kLong);
  ASSERT_TRUE(Write(5).ok());
  EXPECT_EQ(ReadState(folder_, {5, "x"})->at("steps").item<int64_t>(), 43);
  EXPECT_THAT(Names(), ElementsAre("step-000000000005"));
}

}  // namespace
}  // namespace seedbed
