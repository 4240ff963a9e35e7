// Folders in SAELens' format: what is written, what training SAEs leave, what is folded and what is refused. That
// SAELens itself loads the one and writes the other: tests/parity/export_in_peers.py.
#include "sae/checkpoint/saelens_format.h"

#include <cstdint>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/allclose.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/full.h"
#include "ATen/ops/log.h"
#include "ATen/ops/norm.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/tensor_file.h"
#include "tests/common/testing.h"
#include "tests/sae/checkpoint/random_dictionary.h"
#include "tests/sae/io/test_files.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kFacts[] = R"({"run_id": "s1-r0", "seed": 7, "hookpoint": "layers.9.mlp_in", "convention": "saelens",
    "target_hookpoint": "layers.9.mlp", "batch_hash": "ab",
    "stream": {"model_path": "/models/smollm2", "sequence_length": 256, "tokens": [{"path": "a.bin"}]}})";

class SaeLensFolder : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.Path(name); }

  nlohmann::json ExportedConfig(const Dictionary& dictionary, const std::string& facts = "{}") const {
    const std::string folder = Path("export");
    const auto exported = ExportDictionary(dictionary, facts, {}, 1, folder, DictionaryFormat::kSaeLens);
    EXPECT_TRUE(exported.ok()) << exported.status();
    return nlohmann::json::parse(ReadFile(JoinPath(folder, "cfg.json")).value_or("{}"));
  }

  // As SAELens leaves it: no manifest.
  void Write(const std::string& architecture, const std::string& further, const SaeTensors& tensors) const {
    WriteTestFile(Path("cfg.json"),
                  absl::StrCat(R"({"architecture": ")", architecture, R"(", "d_in": 4, "d_sae": 6, )", further,
                               R"("metadata": {"sae_lens_version": "6.54.12", "model_name": "gpt2"}})"));
    ASSERT_TRUE(WriteTensors(Path("sae_weights.safetensors"), tensors, SaeLensTensors()).ok());
  }

  // With a tensor that only a training SAE has.
  void WriteTraining(const std::string& architecture, const std::string& further, const Dictionary& dictionary,
                     const TensorToWrite& tensor) const {
    Write(architecture, further, dictionary);
    const auto file = SafetensorsFile::Open(Path("sae_weights.safetensors"));
    ASSERT_TRUE(file.ok()) << file.status();
    std::vector<TensorToWrite> tensors = {tensor};
    for (const auto& [name, view] : file->tensors()) {
      if (name != "threshold") tensors.push_back({name, view.type, view.shape, view.bytes});
    }
    ASSERT_TRUE(WriteSafetensors(Path("rewritten"), tensors, {}).ok());
    ASSERT_TRUE(WriteFileDurably(Path("sae_weights.safetensors"), ReadFile(Path("rewritten")).value()).ok());
  }

  absl::StatusOr<Dictionary> Load() const { return LoadDictionary(folder_.path()); }

  std::string Refusal(const std::string& architecture, const std::string& further) const {
    Write(architecture, further, RandomDictionary("relu"));
    const auto read = Load();
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << further;
    EXPECT_THAT(std::string(read.status().message()), StartsWith(folder_.path()));
    return std::string(read.status().message());
  }

  const TempFolder folder_;
};

TEST_F(SaeLensFolder, TheConfigHasExactlyTheFieldsOfItsClass) {
  nlohmann::json config = ExportedConfig(RandomDictionary("topk"));
  config.erase("metadata");
  EXPECT_EQ(config, nlohmann::json::parse(R"({"architecture": "topk", "d_in": 4, "d_sae": 6, "dtype": "float32",
      "device": "cpu", "apply_b_dec_to_input": true, "normalize_activations": "none", "reshape_activations": "none",
      "k": 3, "rescale_acts_by_decoder_norm": false})"));
  config = ExportedConfig(RandomDictionary({"relu", 6, 4, 5, true}, /*centers_input=*/false));
  config.erase("metadata");
  EXPECT_EQ(config, nlohmann::json::parse(R"({"architecture": "skip_transcoder", "d_in": 4, "d_out": 5, "d_sae": 6,
      "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": false, "normalize_activations": "none",
      "reshape_activations": "none"})"));
}

TEST_F(SaeLensFolder, EveryArchitectureGetsTheClassThatFits) {
  const auto name = [&](const DictionaryShape& shape, bool centers_input, const std::string& facts = "{}") {
    return ExportedConfig(RandomDictionary(shape, centers_input), facts)["architecture"].get<std::string>();
  };
  EXPECT_EQ(name({"relu", 6, 4, 4}, true), "standard");
  EXPECT_EQ(name({"gated", 6, 4, 4}, true), "gated");
  for (const char* thresholded : {"jumprelu", "batchtopk", "matryoshka"}) {
    EXPECT_EQ(name({thresholded, 6, 4, 4}, true), "jumprelu");
    EXPECT_EQ(name({thresholded, 6, 4, 5}, false), "jumprelu_transcoder");
    EXPECT_EQ(name({thresholded, 6, 4, 4, true}, false), "jumprelu_skip_transcoder");
  }
  EXPECT_EQ(name({"relu", 6, 4, 5}, false), "transcoder");
  // An encoder that reads x may be an SAE's, unless the run has a target of its own.
  EXPECT_EQ(name({"jumprelu", 6, 4, 4}, false), "jumprelu");
  EXPECT_EQ(name({"jumprelu", 6, 4, 4}, false, kFacts), "jumprelu_transcoder");
}

TEST_F(SaeLensFolder, TheMetadataSayWhereItComesFrom) {
  const nlohmann::json metadata = ExportedConfig(RandomDictionary({"batchtopk", 6, 4, 4}, false), kFacts)["metadata"];
  EXPECT_EQ(metadata["sae_lens_version"], kSaeLensVersion);
  EXPECT_EQ(metadata["model_name"], "smollm2");
  EXPECT_EQ(metadata["hook_name"], "layers.9.mlp_in");
  EXPECT_EQ(metadata["hook_name_out"], "blocks.9.hook_mlp_out");
  EXPECT_EQ(metadata["context_size"], 256);
  EXPECT_EQ(metadata["dataset_path"], "a.bin");
  EXPECT_EQ(metadata["training_architecture"], "batchtopk");
  EXPECT_EQ(metadata["training_architecture_details"]["k"], 3);
  EXPECT_EQ(metadata["seedbed"], nlohmann::json::parse(R"({"run_id": "s1-r0", "hookpoint": "layers.9.mlp_in",
      "target_hookpoint": "layers.9.mlp", "seed": 7, "convention": "saelens", "batch_hash": "ab"})"));
}

TEST_F(SaeLensFolder, LoadsEveryArchitecture) {
  for (const auto& [name, shape] : std::vector<std::pair<std::string, DictionaryShape>>{
           {"standard", {"relu", 6, 4, 4}},
           {"gated", {"gated", 6, 4, 4}},
           {"topk", {"topk", 6, 4, 4}},
           {"jumprelu", {"jumprelu", 6, 4, 4}},
           {"transcoder", {"relu", 6, 4, 5}},
           {"skip_transcoder", {"relu", 6, 4, 5, true}},
           {"jumprelu_transcoder", {"jumprelu", 6, 4, 5}},
           {"jumprelu_skip_transcoder", {"jumprelu", 6, 4, 5, true}}}) {
    const Dictionary dictionary = RandomDictionary(shape, /*centers_input=*/shape.d_out == 4);
    Write(name, R"("k": 3, "d_out": 5, )", dictionary);
    const auto read = Load();
    ASSERT_TRUE(read.ok()) << read.status();
    ExpectSame(*read, dictionary);
  }
  const Dictionary reads_x = RandomDictionary({"relu", 6, 4, 4}, /*centers_input=*/false);
  Write("standard", R"("apply_b_dec_to_input": false, )", reads_x);
  ExpectSame(Load().value(), reads_x);
}

TEST_F(SaeLensFolder, DecoderNormsAreFoldedIntoTheWeights) {
  Dictionary dictionary = RandomDictionary("topk");
  dictionary.decoder_weight[2] = at::zeros({4});
  Write("topk", R"("k": 3, "rescale_acts_by_decoder_norm": true, )", dictionary);
  const auto read = Load();
  ASSERT_TRUE(read.ok()) << read.status();
  const at::Tensor norms = at::norm(dictionary.decoder_weight, 2, {1}).clamp_min(1e-8);
  EXPECT_TRUE(at::allclose(read->encoder_weight, dictionary.encoder_weight * norms.unsqueeze(1)));
  EXPECT_TRUE(at::allclose(read->encoder_bias, dictionary.encoder_bias * norms));
  EXPECT_TRUE(at::allclose(read->decoder_weight * norms.unsqueeze(1), dictionary.decoder_weight));
}

TEST_F(SaeLensFolder, AScaleOfTheInputsIsFoldedIntoTheWeights) {
  const Dictionary dictionary = RandomDictionary("relu");
  Write("standard", R"("normalize_activations": "expected_average_only_in", )", dictionary);
  EXPECT_THAT(std::string(Load().status().message()),
              AllOf(HasSubstr("normalize_activations"), HasSubstr("activation_scaler.json")));
  WriteTestFile(Path("activation_scaler.json"), R"({"scaling_factor": 0.25, "has_whitening": false})");
  const auto read = Load();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(at::equal(read->encoder_weight, dictionary.encoder_weight * 0.25));
  EXPECT_TRUE(at::equal(read->encoder_bias, dictionary.encoder_bias));
  EXPECT_TRUE(at::equal(read->decoder_weight, dictionary.decoder_weight / 0.25));
  EXPECT_TRUE(at::equal(read->decoder_bias, dictionary.decoder_bias / 0.25));
  for (const auto& [scaler, named] : std::vector<std::pair<std::string, std::string>>{
           {R"({"scaling_factor": null})", "scaling_factor"},
           {R"({"scaling_factor": -1})", "above 0"},
           {R"({"scaling_factor": 1, "has_whitening": true})", "has_whitening"}}) {
    WriteTestFile(Path("activation_scaler.json"), scaler);
    EXPECT_THAT(std::string(Load().status().message()), AllOf(HasSubstr("activation_scaler.json"), HasSubstr(named)));
  }
}

TEST_F(SaeLensFolder, ATrainingSaesOneThresholdIsEveryLatents) {
  const double threshold = 0.5;
  const TensorToWrite tensor = {
      "topk_threshold", TensorType::kF64, {}, {reinterpret_cast<const char*>(&threshold), sizeof(threshold)}};
  for (const auto& [name, ours] : std::vector<std::pair<std::string, std::string>>{
           {"batchtopk", "batchtopk"}, {"matryoshka_batchtopk", "matryoshka"}}) {
    Dictionary dictionary = RandomDictionary(ours);
    WriteTraining(name, R"("k": 3.0, )", dictionary, tensor);
    dictionary.threshold = at::full({6}, 0.5);
    const auto read = Load();
    ASSERT_TRUE(read.ok()) << read.status();
    ExpectSame(*read, dictionary);
  }
}

TEST_F(SaeLensFolder, ATrainingSaesLogarithmOfTheThresholdIsTaken) {
  const Dictionary dictionary = RandomDictionary("jumprelu");
  const at::Tensor logarithm = at::log(dictionary.threshold).contiguous();
  WriteTraining("jumprelu", "", dictionary,
                {"log_threshold",
                 TensorType::kF32,
                 {6},
                 {static_cast<const char*>(logarithm.const_data_ptr()), logarithm.nbytes()}});
  const auto read = Load();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(at::allclose(read->threshold, dictionary.threshold));
}

TEST_F(SaeLensFolder, NamesTheFieldThatCanNotBeFollowed) {
  EXPECT_THAT(Refusal("temporal", ""), AllOf(HasSubstr("\"temporal\""), HasSubstr("standard, gated, topk")));
  EXPECT_THAT(Refusal("a\\nb", ""), HasSubstr(R"("a\nb")"));
  EXPECT_THAT(Refusal("standard", R"("normalize_activations": "layer_norm", )"),
              AllOf(HasSubstr("\"layer_norm\""), HasSubstr("each row")));
  EXPECT_THAT(Refusal("standard", R"("reshape_activations": "odd", )"), HasSubstr("\"odd\""));
  EXPECT_THAT(Refusal("topk", R"("k": 7, )"), AllOf(HasSubstr("\"k\""), HasSubstr("from 1 to 6")));
  EXPECT_THAT(Refusal("batchtopk", R"("k": 0, )"), HasSubstr("\"k\""));
  EXPECT_THAT(Refusal("transcoder", ""), HasSubstr("\"d_out\""));
  EXPECT_THAT(Refusal("transcoder", R"("d_out": 5, )"), AllOf(HasSubstr("\"W_dec\""), HasSubstr("[6, 5]")));
  EXPECT_THAT(Refusal("standard", R"("apply_b_dec_to_input": 1, )"), HasSubstr("apply_b_dec_to_input"));
}

TEST_F(SaeLensFolder, NamesATensorThatIsMissingOrOfAnotherArchitecture) {
  Write("standard", "", RandomDictionary("gated"));
  EXPECT_THAT(std::string(Load().status().message()), AllOf(HasSubstr("sae_weights"), HasSubstr("\"b_enc\"")));
  Write("standard", "", RandomDictionary("jumprelu"));
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("\"threshold\" is none of"));
}

TEST_F(SaeLensFolder, AVersionBeforeSixIsRefused) {
  Write("standard", "", RandomDictionary("relu"));
  const std::string good = ReadFile(Path("cfg.json")).value();
  for (const char* version : {"\"5.11.0\"", "null", "\"\"", "\"six\""}) {
    WriteTestFile(Path("cfg.json"), absl::StrReplaceAll(good, {{"\"6.54.12\"", version}}));
    EXPECT_THAT(std::string(Load().status().message()), HasSubstr("sae_lens_version")) << version;
  }
}

}  // namespace
}  // namespace seedbed
