#include "sae/checkpoint/dictionary.h"

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/addmm.h"
#include "ATen/ops/allclose.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/relu.h"
#include "common/file.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/io/safetensors.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Dictionary MakeDictionary() {
  Dictionary dictionary;
  dictionary.k = 3;
  dictionary.encoder_weight = at::randn({6, 4});
  dictionary.encoder_bias = at::randn({6});
  dictionary.decoder_weight = at::randn({6, 4});
  dictionary.decoder_bias = at::randn({4});
  return dictionary;
}

class DictionaryFolder : public testing::Test {
 protected:
  DictionaryFolder()
      : root_(JoinPath(testing::TempDir(), testing::UnitTest::GetInstance()->current_test_info()->name())),
        folder_(JoinPath(root_, "export")) {
    EXPECT_TRUE(RemoveAll(root_).ok());
    EXPECT_TRUE(MakeFolders(root_).ok());
  }
  ~DictionaryFolder() override { RemoveAll(root_).IgnoreError(); }

  absl::StatusOr<ExportedDictionary> Export(const Dictionary& dictionary) {
    return ExportDictionary(dictionary, R"({"run": {"seed": 1}})", {{"notes.txt", "hello"}}, 1, folder_);
  }
  std::string Path(const std::string& name) const { return JoinPath(folder_, name); }
  std::string Read(const std::string& name) const {
    auto contents = ReadFile(Path(name));
    EXPECT_TRUE(contents.ok()) << contents.status();
    return contents.ok() ? *contents : "";
  }
  void Write(const std::string& name, const std::string& contents) const {
    ASSERT_TRUE(WriteFileDurably(Path(name), contents).ok());
  }
  std::vector<std::string> NamesInRoot() const { return *ListFolder(root_); }

  // A folder as sparsify leaves it: no manifest.
  void WriteSparsifyFolder(const std::vector<TensorToWrite>& tensors) const {
    ASSERT_TRUE(MakeFolders(folder_).ok());
    Write("cfg.json", R"({"activation": "topk", "expansion_factor": 32, "num_latents": 2, "k": 1, "d_in": 2})");
    ASSERT_TRUE(WriteSafetensors(Path("sae.safetensors"), tensors, {{"format", "pt"}}).ok());
  }

  const std::string root_;
  const std::string folder_;
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

TEST_F(DictionaryFolder, ComesBackAsItWas) {
  const Dictionary written = MakeDictionary();
  ASSERT_TRUE(Export(written).ok());
  const auto read = LoadDictionary(folder_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->architecture, "topk");
  EXPECT_EQ(read->k, 3);
  EXPECT_TRUE(at::equal(read->encoder_weight, written.encoder_weight));
  EXPECT_TRUE(at::equal(read->encoder_bias, written.encoder_bias));
  EXPECT_TRUE(at::equal(read->decoder_weight, written.decoder_weight));
  EXPECT_TRUE(at::equal(read->decoder_bias, written.decoder_bias));
}

TEST_F(DictionaryFolder, SaysWhatItWrote) {
  const auto exported = Export(MakeDictionary());
  ASSERT_TRUE(exported.ok()) << exported.status();
  EXPECT_EQ(exported->path, folder_);
  EXPECT_EQ(exported->manifest_sha256, Sha256Hex(Read("manifest.json")));
  std::vector<std::string> names;
  for (const ExportedFile& file : exported->files) {
    names.push_back(file.name);
    EXPECT_EQ(file.sha256, Sha256Hex(Read(file.name)));
    EXPECT_EQ(file.bytes, Read(file.name).size());
  }
  EXPECT_THAT(names, ElementsAre("cfg.json", "notes.txt", "sae.safetensors"));
  EXPECT_THAT(NamesInRoot(), ElementsAre("export"));
  EXPECT_EQ(Read("notes.txt"), "hello");
  EXPECT_THAT(Read("manifest.json"),
              AllOf(HasSubstr(R"("format": "seedbed-dictionary/1")"), HasSubstr(R"("seed": 1)")));
}

TEST_F(DictionaryFolder, WritesSparsifysConfigByteForByte) {
  ASSERT_TRUE(Export(MakeDictionary()).ok());
  EXPECT_EQ(Read("cfg.json"),
            R"({"activation": "topk", "expansion_factor": 32, "normalize_decoder": true, "num_latents": 6, "k": 3, )"
            R"("multi_topk": false, "skip_connection": false, "transcode": false, "d_in": 4})");
}

TEST_F(DictionaryFolder, EqualInputGivesEqualBytes) {
  const Dictionary dictionary = MakeDictionary();
  const auto first = Export(dictionary);
  const std::string weights = Read("sae.safetensors");
  ASSERT_TRUE(RemoveAll(folder_).ok());
  const auto second = ExportDictionary(dictionary, R"({ "run":{"seed":1} })", {{"notes.txt", "hello"}}, 7, folder_);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->manifest_sha256, second->manifest_sha256);
  EXPECT_EQ(Read("sae.safetensors"), weights);
}

TEST_F(DictionaryFolder, ReplacesAFolderThatIsThereAndWhatADeadAttemptLeft) {
  ASSERT_TRUE(Export(MakeDictionary()).ok());
  Write("old.txt", "of the one before");
  ASSERT_TRUE(MakeFolders(folder_ + ".attempt-1.tmp/left").ok());
  const Dictionary second = MakeDictionary();
  ASSERT_TRUE(Export(second).ok());
  EXPECT_FALSE(PathExists(Path("old.txt")));
  EXPECT_THAT(NamesInRoot(), ElementsAre("export"));
  EXPECT_TRUE(at::equal(LoadDictionary(folder_)->encoder_weight, second.encoder_weight));
}

TEST_F(DictionaryFolder, ADamagedByteIsDataLossNamingTheFile) {
  ASSERT_TRUE(Export(MakeDictionary()).ok());
  for (const char* name : {"sae.safetensors", "cfg.json", "notes.txt"}) {
    const std::string good = Read(name);
    std::string bad = good;
    bad.back() = static_cast<char>(bad.back() ^ 1);
    Write(name, bad);
    const auto read = LoadDictionary(folder_);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss) << name;
    EXPECT_THAT(read.status().message(), HasSubstr(Path(name)));
    Write(name, good);
  }
  EXPECT_TRUE(LoadDictionary(folder_).ok());
}

TEST_F(DictionaryFolder, AListedFileThatIsGoneIsDataLoss) {
  ASSERT_TRUE(Export(MakeDictionary()).ok());
  ASSERT_TRUE(RemoveAll(Path("notes.txt")).ok());
  const auto read = LoadDictionary(folder_);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(read.status().message(), HasSubstr("notes.txt"));
}

TEST_F(DictionaryFolder, AManifestThatLeavesTheFolderOrTheWeightsOutIsRefused) {
  ASSERT_TRUE(Export(MakeDictionary()).ok());
  const std::string head = R"({"format": "seedbed-dictionary/1", "architecture": "topk", "k": 3, "files": [)";
  Write("manifest.json", head + R"({"name": "../x", "bytes": 1, "sha256": ""}]})");
  EXPECT_THAT(LoadDictionary(folder_).status().message(), AllOf(HasSubstr("manifest.json"), HasSubstr("name")));
  Write("manifest.json", head + "]}");
  EXPECT_THAT(LoadDictionary(folder_).status().message(), AllOf(HasSubstr("manifest.json"), HasSubstr("cfg.json")));
  Write("manifest.json", R"({"format": "other/9"})");
  EXPECT_THAT(LoadDictionary(folder_).status().message(), AllOf(HasSubstr("format"), HasSubstr("other/9")));
  Write("manifest.json", head + R"(7]})");
  EXPECT_EQ(LoadDictionary(folder_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(DictionaryFolder, LoadsSparsifysFolderWithoutManifest) {
  WriteSparsifyFolder(SparsifyTensors());
  const auto read = LoadDictionary(folder_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->encoder_weight[1][0].item<float>(), 3);
  EXPECT_EQ(read->decoder_bias[1].item<float>(), 6);
}

TEST_F(DictionaryFolder, LoadsHalfPrecisionAsFloat32) {
  const std::vector<uint16_t> bfloat16 = {0x3F80, 0x4000, 0x4040, 0x4080};  // 1 2 3 4
  std::vector<TensorToWrite> tensors = SparsifyTensors();
  tensors[2] = {"W_dec", TensorType::kBF16, {2, 2}, Bytes(bfloat16)};
  WriteSparsifyFolder(tensors);
  const auto read = LoadDictionary(folder_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->decoder_weight.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(read->decoder_weight, read->encoder_weight));
}

TEST_F(DictionaryFolder, NamesFileAndTensorThatIsMissingOrWrong) {
  const std::vector<float> nan = {std::numeric_limits<float>::quiet_NaN(), 0};
  const std::vector<int32_t> integers = {1, 2};
  const auto message = [&](const std::vector<TensorToWrite>& tensors) {
    WriteSparsifyFolder(tensors);
    return std::string(LoadDictionary(folder_).status().message());
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
}

TEST_F(DictionaryFolder, NamesTheFieldOfAConfigThatIsNotOfATopkSae) {
  WriteSparsifyFolder(SparsifyTensors());
  const auto message = [&](const std::string& config) {
    Write("cfg.json", config);
    const auto read = LoadDictionary(folder_);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << config;
    return std::string(read.status().message());
  };
  EXPECT_THAT(message("{"), HasSubstr("cfg.json"));
  EXPECT_THAT(message(R"({"num_latents": 2, "k": 1, "d_in": 2})"), HasSubstr("activation"));
  EXPECT_THAT(message(R"({"activation": "groupmax", "num_latents": 2, "k": 1, "d_in": 2})"), HasSubstr("groupmax"));
  EXPECT_THAT(message(R"({"activation": "topk", "num_latents": 2, "k": 3, "d_in": 2})"), HasSubstr("\"k\""));
  EXPECT_THAT(message(R"({"activation": "topk", "num_latents": 2, "k": 1, "d_in": 2, "transcode": true})"),
              HasSubstr("transcode"));
}

TEST_F(DictionaryFolder, ANarrowerConfigTakesTheExpansionFactor) {
  WriteSparsifyFolder(SparsifyTensors());
  Write("cfg.json", R"({"activation": "topk", "num_latents": 0, "expansion_factor": 1, "k": 1, "d_in": 2})");
  EXPECT_TRUE(LoadDictionary(folder_).ok());
}

TEST_F(DictionaryFolder, AFolderThatIsNotThereIsNotFound) {
  EXPECT_EQ(LoadDictionary(folder_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DictionaryFolder, RefusesWhatSparsifyCouldNotReadAndLeavesNothing) {
  const auto refuse = [&](const Dictionary& dictionary, const std::string& named) {
    const auto exported = Export(dictionary);
    EXPECT_EQ(exported.status().code(), absl::StatusCode::kInvalidArgument) << named;
    EXPECT_THAT(exported.status().message(), AllOf(HasSubstr(named), HasSubstr(folder_)));
    EXPECT_THAT(NamesInRoot(), ElementsAre());
  };
  Dictionary dictionary = MakeDictionary();
  dictionary.decoder_weight[2][1] = std::numeric_limits<float>::infinity();
  refuse(dictionary, "W_dec");
  dictionary = MakeDictionary();
  dictionary.encoder_bias = at::ones({5});
  refuse(dictionary, "encoder.bias");
  dictionary = MakeDictionary();
  dictionary.decoder_bias = at::Tensor();
  refuse(dictionary, "b_dec");
  dictionary = MakeDictionary();
  dictionary.k = 7;
  refuse(dictionary, "k is 7");
  dictionary = MakeDictionary();
  dictionary.architecture = "gated";
  refuse(dictionary, "gated");
}

TEST_F(DictionaryFolder, RefusesFactsAndNamesThatCannotBe) {
  const Dictionary dictionary = MakeDictionary();
  for (const std::string& facts : {std::string("[1]"), std::string("{"), std::string()}) {
    EXPECT_THAT(ExportDictionary(dictionary, facts, {}, 1, folder_).status().message(), HasSubstr("facts")) << facts;
  }
  for (const std::string& name : {std::string("../x"), std::string("cfg.json"), std::string()}) {
    EXPECT_THAT(ExportDictionary(dictionary, "{}", {{name, "x"}}, 1, folder_).status().message(), HasSubstr(name));
  }
  EXPECT_THAT(NamesInRoot(), ElementsAre());
}

TEST_F(DictionaryFolder, AParentThatCannotHoldItIsNamedAndWhatWasThereStays) {
  const std::string file = JoinPath(root_, "file");
  ASSERT_TRUE(WriteFileDurably(file, "x").ok());
  const auto exported = ExportDictionary(MakeDictionary(), "{}", {}, 1, JoinPath(file, "export"));
  EXPECT_FALSE(exported.ok());
  EXPECT_THAT(exported.status().message(), HasSubstr(file));
  EXPECT_THAT(NamesInRoot(), ElementsAre("file"));
}

// Encodes and decodes rows as TopK with k = n, the relu alone, so that one formula holds.
at::Tensor Reconstruct(const Dictionary& dictionary, const at::Tensor& x) {
  const at::Tensor pre = at::addmm(dictionary.encoder_bias, x - dictionary.decoder_bias, dictionary.encoder_weight.t());
  return at::addmm(dictionary.decoder_bias, at::relu(pre), dictionary.decoder_weight);
}

TEST(WithoutScaleTest, ReconstructsRowsAsTheyAre) {
  const Dictionary scaled = MakeDictionary();
  const float scale = 0.25f;  // A power of two, so that nothing is rounded.
  const Dictionary raw = WithoutScale(scaled, scale, scale);
  const at::Tensor x = at::randn({8, 4});
  EXPECT_TRUE(at::allclose(Reconstruct(raw, x), Reconstruct(scaled, x * scale) / scale, 1e-5, 1e-5));
  EXPECT_TRUE(at::equal(raw.encoder_weight, scaled.encoder_weight));
  EXPECT_TRUE(at::equal(raw.decoder_weight, scaled.decoder_weight));
}

TEST(WithoutScaleTest, AScaleOfOneLeavesEveryByte) {
  const Dictionary dictionary = MakeDictionary();
  const Dictionary same = WithoutScale(dictionary, 1, 1);
  EXPECT_TRUE(at::equal(same.encoder_bias, dictionary.encoder_bias));
  EXPECT_TRUE(at::equal(same.decoder_bias, dictionary.decoder_bias));
}

}  // namespace
}  // namespace seedbed
