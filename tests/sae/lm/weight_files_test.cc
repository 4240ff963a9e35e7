#include "sae/lm/weight_files.h"

#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/file.h"
#include "nlohmann/json.hpp"
#include "tests/common/testing.h"
#include "tests/sae/io/test_files.h"
#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;

class WeightFilesTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.Path(name); }

  void WriteIndex(const json& weight_map) {
    WriteTestFile(Path("model.safetensors.index.json"), json{{"weight_map", weight_map}}.dump());
  }

  void ExpectRefused(absl::StatusCode code, const std::vector<std::string>& parts) {
    const auto files = WeightFiles::Open(folder_.path());
    ASSERT_EQ(files.status().code(), code) << files.status();
    for (const std::string& part : parts) EXPECT_THAT(files.status().message(), HasSubstr(part));
  }

  TempFolder folder_;
};

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

TEST_F(WeightFilesTest, NamesWhatAFolderLacks) {
  ExpectRefused(kNotFound, {folder_.path(), "model.safetensors", "model.safetensors.index.json"});
}

TEST_F(WeightFilesTest, RefusesADamagedFile) {
  WriteTensors(Path("whole"), {{"a", at::randn({200})}});
  const std::string whole = *ReadFile(Path("whole"));
  WriteTestFile(Path("model.safetensors"), whole.substr(0, whole.size() - 1));
  ExpectRefused(kInvalid, {"model.safetensors", "cut off"});
}

TEST_F(WeightFilesTest, RefusesAnIndexThatIsWrong) {
  WriteTestFile(Path("model.safetensors.index.json"), "{");
  ExpectRefused(kInvalid, {"index.json", "not valid JSON"});
  WriteTestFile(Path("model.safetensors.index.json"), "{}");
  ExpectRefused(kInvalid, {"index.json", "\"weight_map\""});
  WriteIndex({{"a", 1}});
  ExpectRefused(kInvalid, {"\"weight_map.a\"", "a string is needed"});
  for (const std::string outside : {"../x.safetensors", "/etc/passwd", "..", ""}) {
    WriteIndex({{"a", outside}});
    ExpectRefused(kInvalid, {"\"weight_map.a\"", "same folder"});
  }
}

TEST_F(WeightFilesTest, NamesAShardThatIsMissing) {
  WriteTensors(Path("one.safetensors"), {{"a", at::randn({2})}});
  WriteIndex({{"a", "one.safetensors"}, {"b", "two.safetensors"}});
  ExpectRefused(kNotFound, {"two.safetensors"});
}

TEST_F(WeightFilesTest, NamesATensorThatIsNotInItsShard) {
  WriteTensors(Path("one.safetensors"), {{"a", at::randn({2})}});
  WriteTensors(Path("two.safetensors"), {{"b", at::randn({2})}});
  WriteIndex({{"a", "one.safetensors"}, {"b", "two.safetensors"}, {"c", "one.safetensors"}});
  ExpectRefused(kNotFound, {"one.safetensors", "\"c\""});
  WriteIndex({{"a", "one.safetensors"}, {"b", "one.safetensors"}});
  ExpectRefused(kNotFound, {"one.safetensors", "\"b\""});
}

TEST_F(WeightFilesTest, NamesATensorThatTwoShardsHold) {
  WriteTensors(Path("one.safetensors"), {{"a", at::randn({2})}, {"b", at::randn({2})}});
  WriteTensors(Path("two.safetensors"), {{"b", at::randn({2})}, {"c", at::randn({2})}});
  WriteIndex({{"a", "one.safetensors"}, {"b", "one.safetensors"}, {"c", "two.safetensors"}});
  ExpectRefused(kInvalid, {"two.safetensors", "\"b\"", "is also in", "one.safetensors"});
}

TEST_F(WeightFilesTest, NamesATensorThatTheIndexDoesNot) {
  WriteTensors(Path("one.safetensors"), {{"a", at::randn({2})}, {"b", at::randn({2})}});
  WriteIndex({{"a", "one.safetensors"}});
  ExpectRefused(kInvalid, {"one.safetensors", "\"b\"", "is not in", "index.json"});
}

TEST_F(WeightFilesTest, FindsTensorsInShards) {
  WriteTensors(Path("one.safetensors"), {{"a", at::randn({2, 3})}});
  WriteTensors(Path("two.safetensors"), {{"b", at::randn({4})}});
  WriteIndex({{"a", "one.safetensors"}, {"b", "two.safetensors"}});
  const auto files = WeightFiles::Open(folder_.path());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(files->tensors(), ElementsAre(Key("a"), Key("b")));
  EXPECT_EQ(files->Find("b")->file->path(), Path("two.safetensors"));
  EXPECT_THAT(files->Find("a")->view->shape, ElementsAre(2, 3));
  const auto absent = files->Find("d");
  EXPECT_EQ(absent.status().code(), kNotFound);
  EXPECT_THAT(absent.status().message(), HasSubstr("index.json: has no tensor \"d\""));
}

TEST_F(WeightFilesTest, TakesOneFileBeforeAnIndex) {
  WriteTensors(Path("model.safetensors"), {{"a", at::randn({2})}});
  WriteIndex({{"b", "two.safetensors"}});
  EXPECT_THAT(WeightFiles::Open(folder_.path())->tensors(), ElementsAre(Key("a")));
}

}  // namespace
}  // namespace seedbed
