// seedbed-agree as a process: what it prints, what it writes, how it fails.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/subprocess.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "sae/checkpoint/dictionary.h"
#include "seedbed/v1/results.pb.h"
#include "tests/sae/match/rows.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kHash[] = "0123456789abcdef0123456789abcdef";

struct Finished {
  int exit_code = 0;
  std::string text;  // Standard output and error.
};

class AgreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = JoinPath(::testing::TempDir(),
                       absl::StrCat("agree_", ::testing::UnitTest::GetInstance()->current_test_info()->name()));
    ASSERT_TRUE(RemoveAll(folder_).ok());
    ASSERT_TRUE(MakeFolders(folder_).ok());
  }
  void TearDown() override { EXPECT_TRUE(RemoveAll(folder_).ok()); }

  std::string PathOf(const std::string& name) const { return JoinPath(folder_, name); }

  static Dictionary RandomDictionary(int64_t latents, int64_t d, uint64_t seed) {
    Dictionary dictionary;
    dictionary.k = 1;
    dictionary.encoder_weight = RandomRows(latents, d, seed);
    dictionary.encoder_bias = RandomRows(1, latents, seed + 1).reshape({-1});
    dictionary.decoder_weight = RandomRows(latents, d, seed + 2);
    dictionary.decoder_bias = RandomRows(1, d, seed + 3).reshape({-1});
    return dictionary;
  }

  std::string Export(const std::string& name, const Dictionary& dictionary, const std::string& facts = "{}") {
    const auto exported = ExportDictionary(dictionary, facts, {}, 1, PathOf(name));
    EXPECT_TRUE(exported.ok()) << exported.status();
    return PathOf(name);
  }

  Finished Run(const std::vector<std::string>& arguments) {
    SpawnOptions options;
    options.argv = {SEEDBED_BIN_DIR "/seedbed-agree"};
    options.environment = {{"OMP_NUM_THREADS", "1"}};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.stderr_path = PathOf(absl::StrCat("output.", ++runs_));
    auto process = Subprocess::Spawn(options);
    EXPECT_TRUE(process.ok()) << process.status();
    const ExitStatus status = process->Wait();
    EXPECT_EQ(status.signal, 0) << status.ToString();
    const auto text = ReadFile(options.stderr_path);
    EXPECT_TRUE(text.ok()) << text.status();
    return {status.exit_code, text.value_or("")};
  }

  v1::Agreement Compare(const std::vector<std::string>& arguments) {
    const Finished finished = Run(arguments);
    EXPECT_EQ(finished.exit_code, 0) << finished.text;
    return Parse(finished.text);
  }

  static v1::Agreement Parse(const std::string& json) {
    v1::Agreement agreement;
    const auto status = google::protobuf::util::JsonStringToMessage(json, &agreement);
    EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << json;
    return agreement;
  }

  // One line that says why, and exit code 2.
  void ExpectRefused(const std::vector<std::string>& arguments, const std::string& why) {
    const Finished finished = Run(arguments);
    EXPECT_EQ(finished.exit_code, 2) << finished.text;
    EXPECT_THAT(finished.text, AllOf(StartsWith("seedbed-agree: "), HasSubstr(why)));
    EXPECT_THAT(std::vector<std::string>(absl::StrSplit(finished.text, '\n')), SizeIs(2)) << finished.text;
  }

  std::string folder_;
  int runs_ = 0;
};

std::string Facts(const std::string& run_id, const std::string& seed, const std::string& batch_hash) {
  return absl::StrCat("{\"run_id\": \"", run_id, "\", \"seed\": ", seed, ", \"batch_hash\": \"", batch_hash, "\"}");
}

TEST_F(AgreeTest, RefusesOneDictionary) {
  ExpectRefused({Export("a", RandomDictionary(4, 3, 1))}, "two or more");
  ExpectRefused({}, "DIR");
}

TEST_F(AgreeTest, RefusesWrongFlags) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  ExpectRefused({"--threshold", "1.5", a, a}, "--threshold: found 1.5");
  ExpectRefused({"--threshold", "nan", a, a}, "--threshold");
  ExpectRefused({"--threshold", "much", a, a}, "--threshold");
  ExpectRefused({"--threads", "-1", a, a}, "--threads: found -1");
  ExpectRefused({"--thresh", "0.5", a, a}, "--thresh");
}

TEST_F(AgreeTest, RefusesAMissingFolder) {
  ExpectRefused({Export("a", RandomDictionary(4, 3, 1)), PathOf("nowhere")}, "nowhere");
}

TEST_F(AgreeTest, RefusesDictionariesOfDifferentWidth) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  const std::string b = Export("b", RandomDictionary(4, 5, 1));
  ExpectRefused({a, b}, absl::StrCat(b, ": d_in is 5, but that of ", a, " is 3"));
}

TEST_F(AgreeTest, ComparesTranscodersOfOnePairOfWidths) {
  const auto transcoder = [](int64_t d_in, int64_t d_out, uint64_t seed) {
    Dictionary dictionary = RandomDictionary(4, d_in, seed);
    dictionary.architecture = "relu";
    dictionary.k = 0;
    dictionary.centers_input = false;
    dictionary.decoder_weight = RandomRows(4, d_out, seed + 2);
    dictionary.decoder_bias = RandomRows(1, d_out, seed + 3).reshape({-1});
    return dictionary;
  };
  const std::string a = Export("a", transcoder(3, 5, 1));
  EXPECT_EQ(Compare({a, a}).pairs(0).shared_strict(), 1);
  ExpectRefused({a, Export("b", transcoder(3, 6, 1))}, "d_out is 6");
}

TEST_F(AgreeTest, RefusesADamagedFile) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  const std::string b = Export("b", RandomDictionary(4, 3, 2));
  const std::string weights = JoinPath(b, "sae.safetensors");
  std::string bytes = ReadFile(weights).value();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  ASSERT_TRUE(WriteFileDurably(weights, bytes).ok());
  ExpectRefused({a, b}, "sae.safetensors");
}

TEST_F(AgreeTest, RefusesFactsOfAWrongType) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  const std::string manifest = JoinPath(a, "manifest.json");
  const std::string good = ReadFile(manifest).value();
  for (const auto& [facts, why] : std::map<std::string, std::string>{
           {R"({"seed": -1})", "field \"facts.seed\" is -1, a whole number from 0 is needed"},
           {R"({"run_id": 7})", "facts.run_id"},
           {R"({"batch_hash": []})", "facts.batch_hash"}}) {
    ASSERT_TRUE(
        WriteFileDurably(manifest, absl::StrReplaceAll(good, {{R"("facts": {})", "\"facts\": " + facts}})).ok());
    ExpectRefused({a, a}, why);
  }
}

TEST_F(AgreeTest, AFailureLeavesTheOutputAsItWas) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  ASSERT_TRUE(WriteFileDurably(PathOf("result.json"), "before").ok());
  ExpectRefused({"--output", PathOf("result.json"), a, PathOf("nowhere")}, "nowhere");
  EXPECT_EQ(ReadFile(PathOf("result.json")).value(), "before");
}

TEST_F(AgreeTest, AnUnwritableOutputIsNotBadInput) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  const Finished finished = Run({"--output", PathOf("nowhere/result.json"), a, a});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.text, HasSubstr("nowhere/result.json"));
  EXPECT_FALSE(PathExists(PathOf("nowhere")));
}

TEST_F(AgreeTest, APermutedCopyAgreesEntirely) {
  const Dictionary dictionary = RandomDictionary(5, 4, 1);
  Dictionary copy = dictionary;
  const at::Tensor order = TensorOf<int64_t>({4, 2, 0, 1, 3}, 1, 5).reshape({-1});
  copy.decoder_weight = dictionary.decoder_weight.index_select(0, order);
  copy.encoder_weight = dictionary.encoder_weight.index_select(0, order);
  const std::string a = Export("a", dictionary, Facts("run-a", "18446744073709551615", kHash));
  const std::string b = Export("b", copy, Facts("run-b", "1", kHash));

  const v1::Agreement agreement = Compare({"--threshold", "0.9", "--sweep", "sweep-1", "--sibling-set", "set-1", a, b});
  EXPECT_EQ(agreement.sweep_id(), "sweep-1");
  EXPECT_EQ(agreement.sibling_set_id(), "set-1");
  EXPECT_EQ(agreement.threshold(), 0.9);
  EXPECT_TRUE(agreement.same_batches());
  EXPECT_THAT(agreement.batch_hashes(), ElementsAre(kHash, kHash));
  EXPECT_FALSE(agreement.has_failure());

  ASSERT_EQ(agreement.dictionaries_size(), 2);
  EXPECT_EQ(agreement.dictionaries(0).path(), a);
  EXPECT_EQ(agreement.dictionaries(0).run_id(), "run-a");
  EXPECT_EQ(agreement.dictionaries(0).seed(), 18446744073709551615ull);
  EXPECT_EQ(agreement.dictionaries(1).latents(), 5);
  EXPECT_EQ(agreement.dictionaries(1).d_in(), 4);
  EXPECT_EQ(agreement.dictionaries(1).manifest_sha256(), Sha256OfFile(JoinPath(b, "manifest.json")).value());

  ASSERT_EQ(agreement.pairs_size(), 1);
  const v1::PairAgreement& pair = agreement.pairs(0);
  EXPECT_NEAR(pair.decoder().mean_cosine(), 1, 1e-12);
  EXPECT_TRUE(pair.decoder().certified());
  EXPECT_TRUE(pair.encoder().certified());
  EXPECT_EQ(pair.shared_strict(), 1);
  EXPECT_EQ(pair.encoder_decoder_equal(), 1);
  EXPECT_EQ(pair.curve_size(), 21);
  EXPECT_NEAR(agreement.summary().pw_mcc(), 1, 1e-12);
  EXPECT_THAT(agreement.summary().sharing_counts(), ElementsAre(0, 5));
}

TEST_F(AgreeTest, ThreeDictionariesGiveThreePairsInOrder) {
  std::vector<std::string> arguments;
  for (const std::string name : {"a", "b", "c"}) arguments.push_back(Export(name, RandomDictionary(6, 4, name[0])));
  const v1::Agreement agreement = Compare(arguments);
  std::vector<std::pair<int, int>> pairs;
  for (const v1::PairAgreement& pair : agreement.pairs()) pairs.emplace_back(pair.a(), pair.b());
  EXPECT_THAT(pairs, ElementsAre(std::pair(0, 1), std::pair(0, 2), std::pair(1, 2)));
  EXPECT_EQ(agreement.summary().shared_strict().values_size(), 3);
  EXPECT_EQ(agreement.summary().unique_fraction_by_seeds(0), 1);
  EXPECT_EQ(agreement.threshold(), 0.7);
}

TEST_F(AgreeTest, UnequalOrUnknownBatchHashesAreNotTheSame) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1), Facts("a", "0", kHash));
  const std::string b = Export("b", RandomDictionary(4, 3, 2), Facts("b", "1", "fedcba9876543210fedcba9876543210"));
  const std::string c = Export("c", RandomDictionary(4, 3, 3));
  EXPECT_FALSE(Compare({a, b}).same_batches());
  EXPECT_FALSE(Compare({a, c}).same_batches());
  EXPECT_FALSE(Compare({c, c}).same_batches());
  EXPECT_TRUE(Compare({a, a}).same_batches());
}

TEST_F(AgreeTest, ReadsAFolderWithoutAManifest) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1), Facts("a", "3", kHash));
  ASSERT_TRUE(RemoveAll(JoinPath(a, "manifest.json")).ok());
  const v1::Agreement agreement = Compare({a, a});
  EXPECT_EQ(agreement.dictionaries(0).run_id(), "");
  EXPECT_EQ(agreement.dictionaries(0).manifest_sha256(), "");
  EXPECT_EQ(agreement.pairs(0).shared_strict(), 1);
}

TEST_F(AgreeTest, WritesTheSameToAFile) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  const std::string b = Export("b", RandomDictionary(6, 3, 2));
  v1::Agreement printed = Compare({a, b});
  const Finished finished = Run({"--output", PathOf("result.json"), "--threads", "1", a, b});
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.text, "");
  v1::Agreement written = Parse(ReadFile(PathOf("result.json")).value());
  for (v1::Agreement* agreement : {&printed, &written}) agreement->mutable_pairs(0)->clear_seconds();
  EXPECT_EQ(written.SerializeAsString(), printed.SerializeAsString());
}

// Every field is there, under the name of results.proto, also where it is 0: scripts need not guess.
TEST_F(AgreeTest, PrintsEveryFieldByItsProtoName) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  const std::string text = Run({a, a}).text;
  for (const char* field : {"\"sibling_set_id\": \"\"", "\"same_batches\": false", "\"encoder_decoder_equal\": 1",
                            "\"mmcs_ab\"", "\"a\": 0", "\"unique_fraction_by_seeds\""}) {
    EXPECT_THAT(text, HasSubstr(field));
  }
}

TEST_F(AgreeTest, HelpNamesTheFlags) {
  const Finished finished = Run({"--help"});
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_THAT(finished.text, AllOf(HasSubstr("--threshold"), HasSubstr("--output"), HasSubstr("DIR")));
}

}  // namespace
}  // namespace seedbed
