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
#include "absl/strings/str_replace.h"
#include "common/file.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/io/safetensors.h"
#include "tests/sae/checkpoint/random_dictionary.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Dictionary MakeDictionary() { return RandomDictionary("topk"); }

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

  const std::string root_;
  const std::string folder_;
};

TEST_F(DictionaryFolder, EveryDictionaryComesBackAsItWas) {
  std::vector<Dictionary> dictionaries;
  for (const char* architecture : kArchitectureNames) {
    for (const bool skip : {false, true}) {
      for (const bool centers_input : {false, true}) {
        dictionaries.push_back(RandomDictionary({architecture, 6, 4, 4, skip}, centers_input));
      }
      dictionaries.push_back(RandomDictionary({architecture, 6, 4, 5, skip}, /*centers_input=*/false));
    }
  }
  for (const Dictionary& dictionary : dictionaries) {
    ASSERT_TRUE(Export(dictionary).ok());
    const auto read = LoadDictionary(folder_);
    ASSERT_TRUE(read.ok()) << read.status();
    ExpectSame(*read, dictionary);
    // Our own format can express every one.
    const auto exported = ExportDictionary(dictionary, "{}", {}, 1, folder_, DictionaryFormat::kSeedbed);
    ASSERT_TRUE(exported.ok()) << exported.status();
    const auto again = LoadDictionary(folder_);
    ASSERT_TRUE(again.ok()) << again.status();
    ExpectSame(*again, dictionary);
  }
}

TEST_F(DictionaryFolder, ARunsFolderOpensInAnExistingToolWhereOneCanExpressIt) {
  const auto layout = [&](const Dictionary& dictionary) {
    EXPECT_TRUE(Export(dictionary).ok());
    const std::string manifest = Read("manifest.json");
    const size_t begin = manifest.find("\"layout\": \"") + 11;
    return manifest.substr(begin, manifest.find('"', begin) - begin);
  };
  EXPECT_EQ(layout(RandomDictionary("topk")), "sparsify");
  EXPECT_EQ(layout(RandomDictionary({"topk", 6, 4, 4, true}, false)), "sparsify");
  EXPECT_EQ(layout(RandomDictionary({"topk", 6, 4, 5}, false)), "seedbed");
  for (const char* architecture : {"batchtopk", "relu", "gated", "jumprelu", "matryoshka"}) {
    EXPECT_EQ(layout(RandomDictionary(architecture)), "saelens") << architecture;
  }
  EXPECT_EQ(layout(RandomDictionary({"relu", 6, 4, 5, true}, false)), "saelens");
  EXPECT_EQ(layout(RandomDictionary({"gated", 6, 4, 5}, false)), "seedbed");
  EXPECT_EQ(layout(RandomDictionary({"relu", 6, 4, 4, true}, true)), "seedbed");
}

TEST_F(DictionaryFolder, TheManifestNamesTheConvention) {
  for (const char* facts : {R"({"convention": "saelens"})", R"({"training": {"convention": "saelens"}})"}) {
    ASSERT_TRUE(ExportDictionary(MakeDictionary(), facts, {}, 1, folder_).ok());
    EXPECT_THAT(Read("manifest.json"), HasSubstr("\n  \"convention\": \"saelens\""));
  }
}

TEST_F(DictionaryFolder, AManifestThatDisagreesWithTheConfigIsRefused) {
  ASSERT_TRUE(Export(RandomDictionary("batchtopk")).ok());
  const std::string good = Read("manifest.json");
  const auto message = [&](const std::string& from, const std::string& to) {
    Write("manifest.json", absl::StrReplaceAll(good, {{from, to}}));
    const auto read = LoadDictionary(folder_);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << to;
    return std::string(read.status().message());
  };
  EXPECT_THAT(message("\"batchtopk\"", "\"gated\""),
              AllOf(HasSubstr(Path("manifest.json")), HasSubstr("\"gated\""), HasSubstr("\"jumprelu\"")));
  EXPECT_THAT(message("\"k\": 3", "\"k\": 7"), AllOf(HasSubstr("\"k\""), HasSubstr("1 to 6")));
  EXPECT_THAT(message("\"layout\": \"saelens\"", "\"layout\": \"seedbed\""), HasSubstr("sae.safetensors"));
  EXPECT_THAT(message("\"layout\": \"saelens\"", "\"layout\": \"word\""),
              AllOf(HasSubstr("layout"), HasSubstr("\"word\"")));
}

TEST_F(DictionaryFolder, AManifestWithoutALayoutIsOfSparsifys) {
  ASSERT_TRUE(Export(MakeDictionary()).ok());
  Write("manifest.json", absl::StrReplaceAll(Read("manifest.json"), {{"  \"layout\": \"sparsify\",\n", ""}}));
  EXPECT_TRUE(LoadDictionary(folder_).ok());
}

TEST_F(DictionaryFolder, NamesTheFieldOfAConfigThatIsOursAndWrong) {
  ASSERT_TRUE(ExportDictionary(RandomDictionary("relu"), "{}", {}, 1, folder_, DictionaryFormat::kSeedbed).ok());
  ASSERT_TRUE(RemoveAll(Path("manifest.json")).ok());
  const std::string good = Read("cfg.json");
  const auto message = [&](const std::string& from, const std::string& to) {
    Write("cfg.json", absl::StrReplaceAll(good, {{from, to}}));
    const auto read = LoadDictionary(folder_);
    EXPECT_FALSE(read.ok()) << to;
    return std::string(read.status().message());
  };
  EXPECT_THAT(message("\"relu\"", "\"re\\nlu\""), AllOf(HasSubstr(R"("re\nlu")"), HasSubstr("topk, batchtopk, relu")));
  EXPECT_THAT(message("\"relu\"", "\"jumprelu\""), HasSubstr("threshold"));
  EXPECT_THAT(message("\"relu\"", "\"topk\""), HasSubstr("\"k\" is 0"));
  EXPECT_THAT(message("\"d_out\": 4", "\"d_out\": 5"), HasSubstr("\"centers_input\""));
  EXPECT_THAT(message("\"latents\": 6", "\"latents\": 7"), AllOf(HasSubstr("encoder_weight"), HasSubstr("[7, 4]")));
  EXPECT_THAT(message("\"skip\": false", "\"skip\": 0"), HasSubstr("\"skip\""));
  EXPECT_THAT(message("\"seedbed\"", "\"other\""), AllOf(HasSubstr("cfg.json"), HasSubstr("activation")));
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

TEST_F(DictionaryFolder, AFolderThatIsNotThereIsNotFound) {
  EXPECT_EQ(LoadDictionary(folder_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DictionaryFolder, RefusesWhatIsNoDictionaryAndLeavesNothing) {
  const auto refuse = [&](const Dictionary& dictionary, const std::string& named) {
    const auto exported = Export(dictionary);
    EXPECT_EQ(exported.status().code(), absl::StatusCode::kInvalidArgument) << named;
    EXPECT_THAT(exported.status().message(), AllOf(HasSubstr(named), HasSubstr(folder_)));
    EXPECT_THAT(NamesInRoot(), ElementsAre());
  };
  Dictionary dictionary = MakeDictionary();
  dictionary.decoder_weight[2][1] = std::numeric_limits<float>::infinity();
  refuse(dictionary, "decoder_weight");
  dictionary = MakeDictionary();
  dictionary.encoder_bias = at::ones({5});
  refuse(dictionary, "encoder_bias");
  dictionary = MakeDictionary();
  dictionary.decoder_bias = at::Tensor();
  refuse(dictionary, "decoder_bias");
  dictionary = MakeDictionary();
  dictionary.threshold = at::ones({6});
  refuse(dictionary, "\"threshold\" is there, which topk does not have");
  dictionary = MakeDictionary();
  dictionary.k = 7;
  refuse(dictionary, "k is 7");
  dictionary = RandomDictionary("relu");
  dictionary.k = 1;
  refuse(dictionary, "k is 1, allowed are 0 to 0");
  dictionary.architecture = "crosscoder";
  refuse(dictionary, "\"crosscoder\"");
  refuse(RandomDictionary({"relu", 6, 4, 5}, /*centers_input=*/true), "decoder_bias");
}

TEST_F(DictionaryFolder, RefusesWhatAFormatCanNotExpressAndLeavesNothing) {
  const auto reason = [&](const Dictionary& dictionary, DictionaryFormat format) {
    const auto exported = ExportDictionary(dictionary, "{}", {}, 1, folder_, format);
    EXPECT_EQ(exported.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(NamesInRoot(), ElementsAre());
    return std::string(exported.status().message());
  };
  for (const char* architecture : {"batchtopk", "relu", "gated", "jumprelu", "matryoshka"}) {
    EXPECT_THAT(reason(RandomDictionary(architecture), DictionaryFormat::kSparsify), HasSubstr(architecture));
  }
  const Dictionary wider = RandomDictionary({"topk", 6, 4, 5}, /*centers_input=*/false);
  EXPECT_THAT(reason(wider, DictionaryFormat::kSparsify), HasSubstr("from width 4 to 5"));
  EXPECT_THAT(reason(wider, DictionaryFormat::kSaeLens), HasSubstr("\"topk\""));
  EXPECT_THAT(reason(RandomDictionary({"topk", 6, 4, 4, true}), DictionaryFormat::kSaeLens), HasSubstr("\"topk\""));
  EXPECT_THAT(reason(RandomDictionary({"relu", 6, 4, 4, true}), DictionaryFormat::kSaeLens), HasSubstr("x - b_dec"));
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
