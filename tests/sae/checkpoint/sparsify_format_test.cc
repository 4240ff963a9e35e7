#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/equal.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/io/safetensors.h"
#include "tests/common/testing.h"
#include "tests/sae/checkpoint/random_dictionary.h"
#include "tests/sae/io/test_files.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SparsifyFolder : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.Path(name); }
  void Write(const std::string& name, const std::string& contents) const { WriteTestFile(Path(name), contents); }

  // As sparsify leaves it: no manifest.
  void WriteSparsifyFolder(const std::vector<TensorToWrite>& tensors) const {
    Write("cfg.json", R"({"activation": "topk", "expansion_factor": 32, "num_latents": 2, "k": 1, "d_in": 2})");
    ASSERT_TRUE(WriteSafetensors(Path("sae.safetensors"), tensors, {{"format", "pt"}}).ok());
  }

  const TempFolder folder_;
};

template <typename T>
absl::string_view Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

const std::vector<float> kMatrix = {1, 2, 3, 4};
const std::vector<float> kVector = {5, 6};

std::vector<TensorToWrite> SparsifyTensors() {
  return {{"encoder.weight", TensorType::kF32, {2, 2}, Bytes(kMatrix)},
          {"encoder.bias", TensorType::kF32, {2}, Bytes(kVector)},
          {"W_dec", TensorType::kF32, {2, 2}, Bytes(kMatrix)},
          {"b_dec", TensorType::kF32, {2}, Bytes(kVector)}};
}

TEST_F(SparsifyFolder, TheConfigIsByteForByteWhatSparsifyWrites) {
  const auto config = [&](const Dictionary& dictionary) {
    const std::string folder = Path("export");
    EXPECT_TRUE(ExportDictionary(dictionary, "{}", {}, 1, folder, DictionaryFormat::kSparsify).ok());
    return ReadFile(JoinPath(folder, "cfg.json")).value();
  };
  EXPECT_EQ(config(RandomDictionary("topk")),
            R"({"activation": "topk", "expansion_factor": 32, "normalize_decoder": true, "num_latents": 6, "k": 3, )"
            R"("multi_topk": false, "skip_connection": false, "transcode": false, "d_in": 4})");
  EXPECT_THAT(config(RandomDictionary({"topk", 6, 4, 4, true}, /*centers_input=*/false)),
              HasSubstr(R"("skip_connection": true, "transcode": true, "d_in": 4})"));
}

TEST_F(SparsifyFolder, LoadsSparsifysFolderWithoutManifest) {
  WriteSparsifyFolder(SparsifyTensors());
  const auto read = LoadDictionary(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->encoder_weight[1][0].item<float>(), 3);
  EXPECT_EQ(read->decoder_bias[1].item<float>(), 6);
}

TEST_F(SparsifyFolder, LoadsHalfPrecisionAsFloat32) {
  const std::vector<uint16_t> bfloat16 = {0x3F80, 0x4000, 0x4040, 0x4080};  // 1 2 3 4
  std::vector<TensorToWrite> tensors = SparsifyTensors();
  tensors[2] = {"W_dec", TensorType::kBF16, {2, 2}, Bytes(bfloat16)};
  WriteSparsifyFolder(tensors);
  const auto read = LoadDictionary(folder_.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->decoder_weight.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(read->decoder_weight, read->encoder_weight));
}

TEST_F(SparsifyFolder, NamesFileAndTensorThatIsMissingOrWrong) {
  const std::vector<float> nan = {std::numeric_limits<float>::quiet_NaN(), 0};
  const std::vector<int32_t> integers = {1, 2};
  const auto message = [&](const std::vector<TensorToWrite>& tensors) {
    WriteSparsifyFolder(tensors);
    return std::string(LoadDictionary(folder_.path()).status().message());
  };
  std::vector<TensorToWrite> tensors = SparsifyTensors();
  tensors.pop_back();
  EXPECT_THAT(message(tensors), AllOf(HasSubstr("sae.safetensors"), HasSubstr("b_dec")));
  tensors.push_back({"b_dec", TensorType::kF32, {1, 2}, Bytes(kVector)});
  EXPECT_THAT(message(tensors), AllOf(HasSubstr("b_dec"), HasSubstr("[1, 2]"), HasSubstr("[2]")));
  tensors.back() = {"b_dec", TensorType::kF32, {2}, Bytes(nan)};
  EXPECT_THAT(message(tensors), AllOf(HasSubstr("b_dec"), HasSubstr("not finite")));
  tensors.back() = {"b_dec", TensorType::kI32, {2}, Bytes(integers)};
  EXPECT_THAT(message(tensors), AllOf(HasSubstr("b_dec"), HasSubstr("I32")));
  tensors.back() = {"b_dec", TensorType::kF32, {2}, Bytes(kVector)};
  tensors.push_back({"W_skip", TensorType::kF32, {2, 2}, Bytes(kMatrix)});
  EXPECT_THAT(message(tensors), AllOf(HasSubstr("sae.safetensors"), HasSubstr("\"W_skip\" is none of")));
}

TEST_F(SparsifyFolder, NamesTheFieldOfAConfigThatIsNotOfATopkSae) {
  WriteSparsifyFolder(SparsifyTensors());
  const auto message = [&](const std::string& config) {
    Write("cfg.json", config);
    const auto read = LoadDictionary(folder_.path());
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << config;
    return std::string(read.status().message());
  };
  EXPECT_THAT(message("{"), HasSubstr("cfg.json"));
  EXPECT_THAT(message(R"({"num_latents": 2, "k": 1, "d_in": 2})"), HasSubstr("activation"));
  EXPECT_THAT(message(R"({"activation": "groupmax", "num_latents": 2, "k": 1, "d_in": 2})"), HasSubstr("groupmax"));
  EXPECT_THAT(message(R"({"activation": "topk", "num_latents": 2, "k": 3, "d_in": 2})"), HasSubstr("\"k\""));
  EXPECT_THAT(message(R"({"activation": "topk", "num_latents": 2, "k": 1, "d_in": 2, "transcode": 1})"),
              HasSubstr("transcode"));
}

TEST_F(SparsifyFolder, ANarrowerConfigTakesTheExpansionFactor) {
  WriteSparsifyFolder(SparsifyTensors());
  Write("cfg.json", R"({"activation": "topk", "num_latents": 0, "expansion_factor": 1, "k": 1, "d_in": 2})");
  EXPECT_TRUE(LoadDictionary(folder_.path()).ok());
}

}  // namespace
}  // namespace seedbed
