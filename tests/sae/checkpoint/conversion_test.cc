#include "sae/checkpoint/conversion.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/manifest.h"
#include "tests/common/testing.h"
#include "tests/sae/checkpoint/random_dictionary.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFacts[] = R"({"run_id": "s1-r0", "seed": 7, "hookpoint": "layers.9", "batch_hash": "ab",
    "training": {"convention": "sparsify"}, "metrics": {"fvu": 0.125, "l0": 16},
    "stream": {"model_path": "/models/smol|lm2", "tokens_sha256": "ef", "tokens": [{"path": "a.bin"}]}})";

class Conversion : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.Path(name); }

  void WriteRun(const Dictionary& dictionary) const {
    ASSERT_TRUE(ExportDictionary(dictionary, kFacts, {{"training.csv", "x"}}, 1, Path("run")).ok());
  }
  Manifest ManifestOf(const std::string& folder) const {
    return ReadManifest(JoinPath(Path(folder), kManifestName)).value();
  }

  const TempFolder folder_;
};

TEST_F(Conversion, AnExportIsTheSameDictionaryInAnotherFormat) {
  for (const char* architecture : kArchitectureNames) {
    const Dictionary dictionary = RandomDictionary(architecture);
    WriteRun(dictionary);
    ASSERT_TRUE(ExportFolder(Path("run"), DictionaryFormat::kSaeLens, Path(architecture)).ok());
    ExpectSame(LoadDictionary(Path(architecture)).value(), dictionary);
    EXPECT_EQ(ManifestOf(architecture).format, DictionaryFormat::kSaeLens);
    EXPECT_EQ(ManifestOf(architecture).facts_json, ManifestOf("run").facts_json);
    EXPECT_THAT(*ListFolder(Path(architecture)),
                ElementsAre("README.md", "cfg.json", "manifest.json", "sae_weights.safetensors"));
  }
}

TEST_F(Conversion, AnExportsReadmeSaysWhereItComesFrom) {
  WriteRun(RandomDictionary("topk"));
  ASSERT_TRUE(ExportFolder(Path("run"), DictionaryFormat::kSparsify, Path("export/")).ok());
  const std::string readme = ReadFile(JoinPath(Path("export"), "README.md")).value();
  EXPECT_THAT(readme, AllOf(HasSubstr("| architecture | topk, k 3 |"), HasSubstr("| model | smol\\|lm2 |"),
                            HasSubstr("| hookpoint | layers.9 |"), HasSubstr("| token files | a.bin |"),
                            HasSubstr("| SHA-256 of the tokens | ef |"), HasSubstr("| hash of all batches | ab |"),
                            HasSubstr("| seed | 7 |"), HasSubstr("| convention | sparsify |"),
                            HasSubstr("| fvu | 0.125 |"), HasSubstr("SparseCoder.load_from_disk")));
}

TEST_F(Conversion, AnExportThatCanNotBeLeavesNothing) {
  WriteRun(RandomDictionary("gated"));
  const absl::Status status = ExportFolder(Path("run"), DictionaryFormat::kSparsify, Path("export"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(Path("export")), HasSubstr("\"gated\"")));
  EXPECT_THAT(*ListFolder(folder_.path()), ElementsAre("run"));
}

TEST_F(Conversion, NothingThatIsThereIsReplaced) {
  WriteRun(RandomDictionary("topk"));
  for (const char* there : {"run", "run/", "run/cfg.json"}) {
    EXPECT_EQ(ImportFolder(Path("run"), Path(there)).code(), absl::StatusCode::kAlreadyExists) << there;
  }
  EXPECT_EQ(ImportFolder(Path("run"), "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ImportFolder(Path("nowhere"), Path("out")).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(LoadDictionary(Path("run")).ok());
}

TEST_F(Conversion, AnImportIsAFolderOfOursThatSaysWhatItWas) {
  const Dictionary dictionary = RandomDictionary("jumprelu");
  ASSERT_TRUE(ExportDictionary(dictionary, kFacts, {}, 1, Path("foreign"), DictionaryFormat::kSaeLens).ok());
  ASSERT_TRUE(RemoveAll(JoinPath(Path("foreign"), "manifest.json")).ok());
  ASSERT_TRUE(ImportFolder(Path("foreign"), Path("ours")).ok());
  ExpectSame(LoadDictionary(Path("ours")).value(), dictionary);
  EXPECT_THAT(ManifestOf("ours").facts_json,
              AllOf(HasSubstr(R"("hookpoint":"blocks.9.hook_resid_post")"), HasSubstr(R"("format":"saelens")"),
                    HasSubstr("weights_sha256"), HasSubstr(R"("model_path":"smol|lm2")")));
}

TEST_F(Conversion, AFolderOfSparsifysIsImportedAsItIs) {
  ASSERT_TRUE(ExportDictionary(RandomDictionary("topk"), kFacts, {}, 1, Path("foreign")).ok());
  ASSERT_TRUE(RemoveAll(JoinPath(Path("foreign"), "manifest.json")).ok());
  ASSERT_TRUE(ImportFolder(Path("foreign"), Path("ours")).ok());
  for (const char* name : {"cfg.json", "sae.safetensors"}) {
    EXPECT_EQ(ReadFile(JoinPath(Path("ours"), name)).value(), ReadFile(JoinPath(Path("foreign"), name)).value());
  }
}

}  // namespace
}  // namespace seedbed
