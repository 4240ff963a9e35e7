// seedbed-agree as a process: what it prints, what it writes, how it fails.
#include <map>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
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
#include "sae/inference/encoder.h"
#include "sae/io/safetensors.h"
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
  ExpectRefused({"--max-seconds", "-1", a, a}, "--max-seconds: found -1");
  ExpectRefused({"--device", "tpu", a, a}, "device: found tpu; auto, cpu and cuda are allowed");
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
  EXPECT_TRUE(pair.decoder().mmcs_exact());
  EXPECT_EQ(pair.shared_strict(), 1);
  EXPECT_EQ(pair.encoder_decoder_equal(), 1);
  EXPECT_EQ(pair.curve_size(), 21);
  EXPECT_NEAR(agreement.siblings().pw_mcc(), 1, 1e-12);
  EXPECT_THAT(agreement.siblings().sharing_counts(), ElementsAre(0, 5));
}

TEST_F(AgreeTest, ThreeDictionariesGiveThreePairsInOrder) {
  std::vector<std::string> arguments;
  for (const std::string name : {"a", "b", "c"}) arguments.push_back(Export(name, RandomDictionary(6, 4, name[0])));
  const v1::Agreement agreement = Compare(arguments);
  std::vector<std::pair<int, int>> pairs;
  for (const v1::PairAgreement& pair : agreement.pairs()) pairs.emplace_back(pair.a(), pair.b());
  EXPECT_THAT(pairs, ElementsAre(std::pair(0, 1), std::pair(0, 2), std::pair(1, 2)));
  EXPECT_EQ(agreement.siblings().shared_strict().values_size(), 3);
  EXPECT_EQ(agreement.siblings().unique_fraction_by_seeds(0), 1);
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

TEST_F(AgreeTest, SaysWhatWasNotProvenInTime) {
  const std::string a = Export("a", RandomDictionary(400, 16, 1));
  const std::string b = Export("b", RandomDictionary(400, 16, 5));
  const v1::Agreement hurried = Compare({"--max-seconds", "1e-9", a, b});
  const v1::Agreement agreement = Compare({a, b});
  EXPECT_FALSE(hurried.pairs(0).decoder().certified());
  EXPECT_EQ(hurried.pairs(0).decoder().rounds(), 0);
  EXPECT_GT(hurried.pairs(0).decoder().upper_bound(), agreement.pairs(0).decoder().mean_cosine());
  EXPECT_TRUE(agreement.pairs(0).decoder().certified());
  EXPECT_GT(agreement.pairs(0).decoder().rounds(), 0);
}

TEST_F(AgreeTest, CountsZeroRows) {
  Dictionary dictionary = RandomDictionary(5, 4, 1);
  dictionary.encoder_weight[2].zero_();
  const v1::Agreement agreement = Compare({Export("a", dictionary), Export("b", RandomDictionary(7, 4, 9))});
  EXPECT_EQ(agreement.pairs(0).encoder().zero_rows_a(), 1);
  EXPECT_EQ(agreement.pairs(0).encoder().zero_rows_b(), 0);
  EXPECT_EQ(agreement.pairs(0).decoder().zero_rows_a(), 0);
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
  for (v1::Agreement* agreement : {&printed, &written}) {
    v1::PairAgreement* pair = agreement->mutable_pairs(0);
    EXPECT_GT(pair->decoder().seconds(), 0);
    pair->clear_seconds();
    pair->mutable_decoder()->clear_seconds();
    pair->mutable_encoder()->clear_seconds();
  }
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

// What the pair store holds is taken, whatever the threshold; what is damaged is made again.
TEST_F(AgreeTest, MatchingsAreStoredOnceForEveryThreshold) {
  std::vector<std::string> arguments = {"--pairs", PathOf("pairs")};
  for (const std::string name : {"a", "b", "c"}) arguments.push_back(Export(name, RandomDictionary(6, 4, name[0])));
  v1::Agreement first = Compare(arguments);
  const std::vector<std::string> files = ListFolder(PathOf("pairs")).value();
  ASSERT_THAT(files, SizeIs(3));
  const std::string path = JoinPath(PathOf("pairs"), files[0]);
  const std::string whole = ReadFile(path).value();

  arguments.insert(arguments.begin(), {"--threshold", "0.2"});
  const v1::Agreement second = Compare(arguments);
  EXPECT_EQ(second.threshold(), 0.2);
  for (int pair = 0; pair < 3; ++pair) {
    EXPECT_EQ(second.pairs(pair).seconds(), first.pairs(pair).seconds()) << "of when it was made";
    EXPECT_EQ(second.pairs(pair).decoder().mean_cosine(), first.pairs(pair).decoder().mean_cosine());
    EXPECT_GE(second.pairs(pair).shared_aligned(), first.pairs(pair).shared_aligned());
  }

  for (const std::string& damaged : {whole.substr(0, whole.size() / 2), std::string(), whole + "x"}) {
    ASSERT_TRUE(WriteFileDurably(path, damaged).ok());
    const Finished finished =
        Run({"--pairs", PathOf("pairs"), "-o", PathOf("again.json"), PathOf("a"), PathOf("b"), PathOf("c")});
    EXPECT_EQ(finished.exit_code, 0) << finished.text;
    EXPECT_THAT(finished.text, HasSubstr(files[0]));
    EXPECT_THAT(ReadFile(path).value(), SizeIs(whole.size()));
  }
  v1::Agreement again = Parse(ReadFile(PathOf("again.json")).value());
  for (v1::Agreement* agreement : {&first, &again}) {
    for (v1::PairAgreement& pair : *agreement->mutable_pairs()) {
      pair.clear_seconds();
      pair.mutable_decoder()->clear_seconds();
      pair.mutable_encoder()->clear_seconds();
    }
  }
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
}

TEST_F(AgreeTest, WritesTablesByLatentAndTheStabilityOfEach) {
  const std::string a = Export("a", RandomDictionary(3, 4, 1));
  const std::string b = Export("b", RandomDictionary(5, 4, 2));
  Compare({"--tables", PathOf("tables"), "--stability", a, b});
  const auto lines = [&](const std::string& path) {
    return std::vector<std::string>(absl::StrSplit(ReadFile(path).value(), '\n', absl::SkipEmpty()));
  };
  EXPECT_THAT(lines(PathOf("tables/pair-0-1.csv")), SizeIs(4));
  EXPECT_THAT(lines(PathOf("tables/pair-0-1.csv"))[0], StartsWith("latent,decoder_counterpart,decoder_cosine,"));
  EXPECT_THAT(lines(PathOf("tables/dictionary-1.csv")), SizeIs(6));
  EXPECT_EQ(lines(JoinPath(a, "stability.csv")), lines(PathOf("tables/dictionary-0.csv")));
  EXPECT_THAT(lines(JoinPath(b, "stability.csv"))[0],
              StartsWith("latent,mean_decoder_cosine,mean_encoder_cosine,found_in,siblings"));
  EXPECT_EQ(Compare({a, b}).pairs_size(), 1) << "a dictionary with its stability is as good as before";
}

TEST_F(AgreeTest, WarnsOfDictionariesOfDifferentModels) {
  const auto facts = [](const std::string& model, const std::string& hookpoint) {
    return absl::StrCat(R"({"hookpoint": ")", hookpoint, R"(", "stream": {"model_path": "/models/)", model, R"("}})");
  };
  const std::string a = Export("a", RandomDictionary(4, 3, 1), facts("one", "layers.1"));
  const std::string b = Export("b", RandomDictionary(4, 3, 2), facts("two", "layers.2"));
  const std::string c = Export("c", RandomDictionary(4, 3, 3));
  EXPECT_THAT(Compare({a, b}).warnings(),
              ElementsAre(AllOf(HasSubstr("the model of " + b + " is two"), HasSubstr(a + " is one")),
                          HasSubstr("the hookpoint of " + b + " is layers.2")));
  EXPECT_THAT(Compare({a, a, c}).warnings(), SizeIs(0));
}

// As NumPy writes float64 [latents].
std::string Npy(const std::vector<double>& values) {
  std::string header = absl::StrCat("{'descr': '<f8', 'fortran_order': False, 'shape': (", values.size(), ",), }");
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size());
  file += '\0';
  return file + header + std::string(reinterpret_cast<const char*>(values.data()), 8 * values.size());
}

TEST_F(AgreeTest, TellsAgreementByFiringFrequencyWhereItIsKnown) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  const std::string b = Export("b", RandomDictionary(4, 3, 2));
  EXPECT_EQ(Compare({a, b}).pairs(0).deciles_a_size(), 0);
  const std::string path = JoinPath(a, "firing_frequency.npy");
  ASSERT_TRUE(WriteFileDurably(path, Npy({0.5, 0, 0.25, 0.125})).ok());
  const v1::PairAgreement pair = Compare({a, b}).pairs(0);
  ASSERT_EQ(pair.deciles_a_size(), 3);
  EXPECT_EQ(pair.deciles_a(0).least_frequency(), 0.125);
  EXPECT_EQ(pair.deciles_b_size(), 0);
  for (const auto& [contents, why] :
       std::map<std::string, std::string>{{Npy({0.5, 0, 0.25}), "'shape': (4,) is needed"},
                                          {Npy({0.5, 0, 0.25, 1.5}), "the frequency of latent 3 is 1.5"},
                                          {Npy({0.5, 0, 0.25, 0.125}) + "x", "33 bytes of values"},
                                          {"no NumPy file", "does not begin"}}) {
    ASSERT_TRUE(WriteFileDurably(path, contents).ok());
    ExpectRefused({a, b}, why);
  }
}

// A safetensors file of held-out rows.
std::string WriteRows(const std::string& path, const at::Tensor& rows) {
  const absl::Status written =
      WriteSafetensors(path,
                       {{"activations",
                         TensorType::kF32,
                         rows.sizes().vec(),
                         {static_cast<const char*>(rows.const_data_ptr()), static_cast<size_t>(rows.nbytes())}}},
                       {});
  EXPECT_TRUE(written.ok()) << written;
  return path;
}

TEST_F(AgreeTest, CorrelatesMatchedLatentsOnHeldOutRows) {
  const std::string a = Export("a", RandomDictionary(6, 4, 1));
  const std::string b = Export("b", RandomDictionary(6, 4, 50));
  const std::string rows = WriteRows(PathOf("rows.safetensors"), RandomRows(200, 4, 9));
  const v1::Agreement same = Compare({"--rows", rows, a, a});
  EXPECT_EQ(same.pairs(0).functional().rows(), 200);
  EXPECT_NEAR(same.pairs(0).functional().mean_correlation(), 1, 1e-9);
  EXPECT_EQ(same.pairs(0).functional().histogram(19), same.pairs(0).functional().latents());
  EXPECT_NEAR(same.siblings().functional_correlation().mean(), 1, 1e-9);
  EXPECT_LT(Compare({"--rows", rows, a, b}).pairs(0).functional().mean_correlation(), 0.99);
  EXPECT_FALSE(Compare({a, b}).pairs(0).has_functional());
  ExpectRefused({"--rows", WriteRows(PathOf("wide.safetensors"), RandomRows(2, 5, 1)), a, b},
                "[1 or more, 4] is needed");
  ExpectRefused({"--rows", PathOf("nowhere.safetensors"), a, b}, "nowhere.safetensors");
}

// b is a in another order, with another b_dec and the biases that make up for it: one consensus, which encodes as both
// do.
TEST_F(AgreeTest, TheConsensusEncodesAsItsMembersDo) {
  Dictionary original = RandomDictionary(5, 4, 1);
  original.architecture = "relu";
  original.k = 0;
  Dictionary copy = original;
  const at::Tensor order = TensorOf<int64_t>({4, 2, 0, 1, 3}, 1, 5).reshape({-1});
  for (at::Tensor SaeTensors::*member :
       {&SaeTensors::encoder_weight, &SaeTensors::encoder_bias, &SaeTensors::decoder_weight}) {
    copy.*member = (original.*member).index_select(0, order);
  }
  const at::Tensor moved = RandomRows(1, 4, 77).reshape({-1});
  copy.decoder_bias = original.decoder_bias + moved;
  copy.encoder_bias = copy.encoder_bias + copy.encoder_weight.mv(moved);
  const std::string a = Export("a", original);
  const std::string b = Export("b", copy);
  const std::string rows = WriteRows(PathOf("rows.safetensors"), RandomRows(50, 4, 9));
  Compare({"--rows", rows, "--consensus", PathOf("consensus"), a, b});

  const auto consensus = LoadDictionary(PathOf("consensus"));
  ASSERT_TRUE(consensus.ok()) << consensus.status();
  EXPECT_EQ(consensus->latents(), 5);
  const at::Tensor x = RandomRows(50, 4, 9);
  const auto expected = Encode(original, x);
  const auto found = Encode(*consensus, x);
  ASSERT_TRUE(expected.ok() && found.ok());
  EXPECT_EQ(found->latents, expected->latents) << "all centers are of the first dictionary, in its order";
  for (size_t i = 0; i < found->values.size(); ++i) EXPECT_NEAR(found->values[i], expected->values[i], 1e-5);
  const std::string manifest = ReadFile(JoinPath(PathOf("consensus"), "manifest.json")).value();
  EXPECT_THAT(manifest, AllOf(HasSubstr("\"fvu\""), HasSubstr("\"l0\""), HasSubstr("\"least_members\": 2")));
  EXPECT_THAT(ReadFile(JoinPath(PathOf("consensus"), "consensus.csv")).value(), HasSubstr("\n0,2,"));
}

// What the results service asks for: both in folders of their own, listed with their checksums.
TEST_F(AgreeTest, ListsStabilityAndConsensusAsArtifacts) {
  const std::string a = Export("a", RandomDictionary(3, 4, 1));
  const std::string b = Export("b", RandomDictionary(3, 4, 1));
  const std::vector<std::string> arguments = {
      "--stability-folder", PathOf("stability"), "--consensus", PathOf("consensus"), a, b};
  const v1::Agreement agreement = Compare(arguments);
  for (const v1::Artifact& artifact : {agreement.stability(), agreement.consensus()}) {
    EXPECT_EQ(Sha256Hex(ReadFile(JoinPath(artifact.path(), "manifest.json")).value()), artifact.manifest_sha256());
    for (const v1::ArtifactFile& file : artifact.files()) {
      const std::string contents = ReadFile(JoinPath(artifact.path(), file.name())).value();
      EXPECT_EQ(Sha256Hex(contents), file.sha256()) << file.name();
      EXPECT_EQ(contents.size(), file.bytes()) << file.name();
    }
  }
  ASSERT_THAT(agreement.stability().files(), SizeIs(2));
  EXPECT_THAT(ReadFile(JoinPath(PathOf("stability"), "dictionary-1.csv")).value(),
              AllOf(StartsWith("latent,mean_decoder_cosine"), HasSubstr("\n2,1,1,1,1\n")));
  EXPECT_EQ(agreement.consensus_members(), 2);
  EXPECT_FALSE(PathExists(JoinPath(a, "stability.csv"))) << "exports are left alone";
  EXPECT_EQ(Compare(arguments).stability().manifest_sha256(), agreement.stability().manifest_sha256());
  EXPECT_FALSE(PathExists(PathOf("stability.tmp")));
}

TEST_F(AgreeTest, AConsensusThatMayBeMissingIsAWarning) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  const std::string b = Export("b", RandomDictionary(4, 3, 20));
  const v1::Agreement agreement =
      Compare({"--consensus", PathOf("c"), "--consensus-may-be-missing", "--threshold", "0.9999", a, b});
  ASSERT_THAT(agreement.warnings(), SizeIs(1));
  EXPECT_THAT(agreement.warnings(0), HasSubstr("no latent is found in 2 of 2"));
  EXPECT_FALSE(agreement.has_consensus());
}

TEST_F(AgreeTest, SaysWhyThereIsNoConsensus) {
  const std::string a = Export("a", RandomDictionary(4, 3, 1));
  const std::string b = Export("b", RandomDictionary(4, 3, 20));
  ExpectRefused({"--consensus", PathOf("c"), "--threshold", "0.9999", a, b}, "no latent is found in 2 of 2");
  ExpectRefused({"--consensus", PathOf("c"), "--consensus-members", "3", a, b}, "--consensus-members: found 3; 2..2");
  EXPECT_FALSE(PathExists(PathOf("c")));
}

TEST_F(AgreeTest, HelpNamesTheFlags) {
  const Finished finished = Run({"--help"});
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_THAT(finished.text,
              AllOf(HasSubstr("--threshold"), HasSubstr("--output"), HasSubstr("--max-seconds"), HasSubstr("DIR")));
}

}  // namespace
}  // namespace seedbed
