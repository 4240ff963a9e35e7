#include "sae/lm/weight_loader.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "common/file.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "tests/common/testing.h"
#include "tests/sae/io/test_files.h"
#include "tests/sae/lm/model_folder.h"

namespace seedbed {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class WeightLoaderTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.Path(name); }

  void WriteIndex(const json& weight_map) {
    WriteTestFile(Path("model.safetensors.index.json"), json{{"weight_map", weight_map}}.dump());
  }

  absl::StatusOr<at::Tensor> Load(const std::string& name, const std::vector<int64_t>& shape) {
    ASSIGN_OR_RETURN(WeightLoader loader, WeightLoader::Open(folder_.path()));
    return loader.Load(name, shape);
  }

  static void ExpectError(const absl::Status& status, absl::StatusCode code, const std::vector<std::string>& parts) {
    ASSERT_EQ(status.code(), code) << status;
    for (const std::string& part : parts) EXPECT_THAT(status.message(), HasSubstr(part));
  }

  TempFolder folder_;
};

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

TEST_F(WeightLoaderTest, NamesWhatAFolderLacks) {
  ExpectError(WeightLoader::Open(folder_.path()).status(), kNotFound,
              {folder_.path(), "model.safetensors", "model.safetensors.index.json"});
  WriteTensors(Path("model.safetensors"), {{"a", at::randn({2})}});
  ExpectError(Load("b", {2}).status(), kNotFound, {"model.safetensors", "\"b\""});
}

TEST_F(WeightLoaderTest, RefusesAnotherShapeBeforeAllocatingTheWantedOne) {
  WriteTensors(Path("model.safetensors"), {{"a", at::randn({2, 3})}});
  ExpectError(Load("a", {3, 2}).status(), kInvalid, {"model.safetensors", "\"a\"", "[2, 3]", "[3, 2]"});
  ExpectError(Load("a", {int64_t{1} << 24, int64_t{1} << 31}).status(), kInvalid, {"[16777216, 2147483648]"});
}

TEST_F(WeightLoaderTest, RefusesOtherTypes) {
  WriteTensors(Path("model.safetensors"), {{"a", at::randn({2}).to(at::kDouble)}});
  ExpectError(Load("a", {2}).status(), kInvalid, {"\"a\"", "F64", "F32, F16 and BF16"});
}

TEST_F(WeightLoaderTest, RefusesValuesThatAreNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
    for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
      at::Tensor tensor = at::randn({300}, type);
      tensor[257] = value;
      WriteTensors(Path("model.safetensors"), {{"a", tensor}});
      ExpectError(Load("a", {300}).status(), kInvalid, {"model.safetensors", "\"a\"", "NaN or infinite"});
    }
  }
}

TEST_F(WeightLoaderTest, RefusesADamagedFile) {
  WriteTensors(Path("whole"), {{"a", at::randn({200})}});
  const std::string whole = *ReadFile(Path("whole"));
  WriteTestFile(Path("model.safetensors"), whole.substr(0, whole.size() - 1));
  ExpectError(Load("a", {200}).status(), kInvalid, {"model.safetensors", "cut off"});
}

TEST_F(WeightLoaderTest, RefusesAnIndexThatIsWrong) {
  WriteTestFile(Path("model.safetensors.index.json"), "{");
  ExpectError(Load("a", {2}).status(), kInvalid, {"index.json", "not valid JSON"});
  WriteTestFile(Path("model.safetensors.index.json"), "{}");
  ExpectError(Load("a", {2}).status(), kInvalid, {"index.json", "\"weight_map\""});
  WriteIndex({{"a", 1}});
  ExpectError(Load("a", {2}).status(), kInvalid, {"\"weight_map.a\"", "a string is needed"});
  for (const std::string outside : {"../x.safetensors", "/etc/passwd", "..", ""}) {
    WriteIndex({{"a", outside}});
    ExpectError(Load("a", {2}).status(), kInvalid, {"\"weight_map.a\"", "same folder"});
  }
}

TEST_F(WeightLoaderTest, NamesAShardOrTensorThatTheIndexGetsWrong) {
  WriteTensors(Path("one.safetensors"), {{"a", at::randn({2})}});
  WriteIndex({{"a", "one.safetensors"}, {"b", "two.safetensors"}, {"c", "one.safetensors"}});
  ExpectError(Load("b", {2}).status(), kNotFound, {"two.safetensors"});
  ExpectError(Load("c", {2}).status(), kNotFound, {"one.safetensors", "\"c\""});
  ExpectError(Load("d", {2}).status(), kNotFound, {"index.json", "\"d\""});
}

TEST_F(WeightLoaderTest, ReadsShards) {
  const at::Tensor a = at::randn({2, 3});
  const at::Tensor b = at::randn({4, 3});
  WriteTensors(Path("one.safetensors"), {{"a", a}});
  WriteTensors(Path("two.safetensors"), {{"b", b}});
  WriteIndex({{"a", "one.safetensors"}, {"b", "two.safetensors"}});
  auto loader = WeightLoader::Open(folder_.path());
  ASSERT_TRUE(loader.ok()) << loader.status();
  EXPECT_TRUE(at::equal(*loader->Load("b", {4, 3}), b));
  EXPECT_TRUE(at::equal(*loader->LoadStacked({{"b", 4}, {"a", 2}}, 3), at::cat({b, a})));
  ExpectError(loader->LoadStacked({{"b", 4}, {"a", 3}}, 3).status(), kInvalid, {"\"a\"", "[2, 3]", "[3, 3]"});
}

TEST_F(WeightLoaderTest, ReadsHalfWidthsExactly) {
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    const at::Tensor narrow = at::randn({5, 3}).to(type);
    WriteTensors(Path("model.safetensors"), {{"a", narrow}});
    EXPECT_TRUE(at::equal(*Load("a", {5, 3}), narrow.to(at::kFloat)));
  }
}

}  // namespace
}  // namespace seedbed
