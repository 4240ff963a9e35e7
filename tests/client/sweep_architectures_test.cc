// The keys of a sweep file that say which architectures are trained, and how.
#include <string>

#include "absl/strings/str_cat.h"
#include "client/sweep_file.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

v1::SweepSpec Parse(const std::string& contents) {
  const auto file = ParseSweepFile("s.yaml", contents, "/home/me");
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? file->spec : v1::SweepSpec();
}

constexpr char kArchitectures[] = R"(name: n
model: {path: m}
data: {tokens: t, sequence_length: 16, max_tokens: 4096}
train:
  learning_rate: auto
  decay: cosine
  final_learning_rate: 0
  decay_start_step: 9
  convention: dictionary_learning
  optimizer: {kind: signum, beta1: 0, beta2: 0.99, epsilon: 1e-7, momentum: 0.9, gradient_clip: 0}
  sparsity: {coefficient: 0, warmup_steps: 0, bandwidth: 0.1, threshold: 0.01, penalty: tanh}
  matryoshka: {fractions: [0.25, 0.25, 0.5]}
  auxiliary: {k: 7}
  decoder_bias: geometric_median
  multi_topk: true
  init_from: runs/r0
  compute: bfloat16
sae:
  architectures: [jumprelu, matryoshka]
  latents: [64]
  target_l0: [16, 16.5]
  seeds: [0]
  transcoders: [{input: layers.3.mlp_in, target: layers.3.mlp}, {target: layers.1, input: layers.0}]
  skip: true
evaluation: {sequences: 8, every_tokens: 1_000}
checkpoint: {every_tokens: 2_000, every_minutes: 0}
)";

TEST(SweepFile, ReadsArchitecturesConventionsAndTranscoders) {
  v1::SweepSpec expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    name: "n"
    model { path: "/home/me/m" }
    data { tokens { path: "/home/me/t" } sequence_length: 16 max_tokens: 4096 }
    train {
      decay: LEARNING_RATE_DECAY_COSINE final_learning_rate: 0 decay_start_step: 9
      convention: CONVENTION_DICTIONARY_LEARNING
      optimizer {
        kind: OPTIMIZER_KIND_SIGNUM beta1: 0 beta2: 0.99 epsilon: 1e-7 momentum: 0.9 gradient_clip: 0
      }
      sparsity {
        coefficient: 0 warmup_steps: 0 bandwidth: 0.1 threshold: 0.01 penalty: JUMPRELU_PENALTY_TANH
      }
      matryoshka { fractions: [ 0.25, 0.25, 0.5 ] }
      auxiliary { k: 7 }
      decoder_bias: DECODER_BIAS_START_GEOMETRIC_MEDIAN multi_topk: true init_from: "/home/me/runs/r0"
      compute: COMPUTE_TYPE_BFLOAT16
    }
    sae {
      architectures: [ "jumprelu", "matryoshka" ] latents: 64 target_l0: [ 16, 16.5 ] seeds: 0
      transcoders { input: "layers.3.mlp_in" target: "layers.3.mlp" }
      transcoders { input: "layers.0" target: "layers.1" }
      skip: true
    }
    evaluation { sequences: 8 every_tokens: 1000 }
    checkpoint { every_tokens: 2000 every_minutes: 0 })",
                                                            &expected));
  const v1::SweepSpec spec = Parse(kArchitectures);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(spec, expected)) << spec.DebugString();
}

// Every choice of a key is the value that its name says.
TEST(SweepFile, ReadsEveryChoice) {
  const auto with = [](const char* key, const std::string& choice) {
    return Parse(absl::StrCat("name: n\nmodel: {path: m}\ndata: {tokens: t, sequence_length: 16, max_tokens: 64}\n",
                              "train: {", key, ": ", choice, "}\nsae: {latents: [1], seeds: [0]}\n"))
        .train();
  };
  EXPECT_EQ(with("decay", "linear").decay(), v1::LEARNING_RATE_DECAY_LINEAR);
  EXPECT_EQ(with("decay", "constant").decay(), v1::LEARNING_RATE_DECAY_CONSTANT);
  EXPECT_EQ(with("convention", "sparsify").convention(), v1::CONVENTION_SPARSIFY);
  EXPECT_EQ(with("convention", "saelens").convention(), v1::CONVENTION_SAELENS);
  EXPECT_EQ(with("optimizer", "{kind: adam}").optimizer().kind(), v1::OPTIMIZER_KIND_ADAM);
  EXPECT_EQ(with("decoder_bias", "zero").decoder_bias(), v1::DECODER_BIAS_START_ZERO);
  EXPECT_EQ(with("decoder_bias", "mean").decoder_bias(), v1::DECODER_BIAS_START_MEAN);
  EXPECT_EQ(with("sparsity", "{penalty: step}").sparsity().penalty(), v1::JUMPRELU_PENALTY_STEP);
  EXPECT_EQ(with("compute", "float32").compute(), v1::COMPUTE_TYPE_FLOAT32);
  EXPECT_EQ(with("compute", "tf32").compute(), v1::COMPUTE_TYPE_TF32);
  EXPECT_FALSE(with("multi_topk", "false").multi_topk());
}

// The file of the page on the architecture.
TEST(SweepFile, ReadsAGridOfArchitecturesWithKAndWithTargets) {
  const v1::SweepSpec spec = Parse(R"(
name: topk-seeds
model: {path: models/smollm2-135m}            # a Hugging Face folder: config.json + safetensors
data: {tokens: data/gcide.bin, sequence_length: 256, max_tokens: 131_072, order: shuffled, seed: 0}
activations: {exclude_first: 1, shuffle_rows: 65_536}     # or {source: folder, path: ...}
train: {epochs: 8, batch_tokens: 256, learning_rate: 0.003, auxiliary: {alpha: 0.03125}}
sae:                                          # every list is an axis of the grid
  hookpoints: [layers.9, layers.9.mlp]
  architectures: [topk, relu, gated]
  latents: [512, 4608]
  k: [16]
  target_l0: [16]                             # for the architectures that have a penalty and no k
  seeds: [0, 1, 2]
agreement: {threshold: 0.7}
)");
  EXPECT_THAT(spec.sae().architectures(), testing::ElementsAre("topk", "relu", "gated"));
  EXPECT_THAT(spec.sae().k(), testing::ElementsAre(16));
  EXPECT_THAT(spec.sae().target_l0(), testing::ElementsAre(16));
}

struct BadLine {
  std::string label;
  std::string section;
  std::string line;   // Within its section, which is on line 4 of the file.
  std::string error;  // After "s.yaml:5: ".
};

class BadArchitectureKey : public testing::TestWithParam<BadLine> {};

TEST_P(BadArchitectureKey, IsOneLineThatNamesFileLineKeyFoundAndAllowed) {
  const std::string contents =
      absl::StrCat("name: n\nmodel: {path: m}\ndata: {tokens: t, sequence_length: 16, max_tokens: 64}\n",
                   GetParam().section, ":\n  ", GetParam().line, "\n");
  const auto file = ParseSweepFile("s.yaml", contents, "/home/me");
  EXPECT_EQ(file.status().message(), absl::StrCat("s.yaml:5: ", GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadArchitectureKey,
    testing::Values(
        BadLine{"quoted_auto", "train", "learning_rate: \"auto\"",
                "train.learning_rate: found the text \"auto\"; allowed a number above 0 or auto"},
        BadLine{"auto_elsewhere", "train", "final_learning_rate: auto",
                "train.final_learning_rate: found auto; allowed a number, 0 or more"},
        BadLine{"convention", "train", "convention: openai",
                "train.convention: found openai; allowed sparsify or saelens or dictionary_learning"},
        BadLine{"boolean", "train", "multi_topk: yes", "train.multi_topk: found yes; allowed false or true"},
        BadLine{"optimizer", "train", "optimizer: {kind: lion}",
                "train.optimizer.kind: found lion; allowed adam or signum"},
        BadLine{"fraction", "train", "matryoshka: {fractions: [0.5, 0]}",
                "train.matryoshka.fractions[1]: found 0; allowed a number above 0"},
        BadLine{"target_twice", "sae", "target_l0: [16, 16.0]",
                "sae.target_l0[1]: found 16.0 a second time; allowed each value once (first at sae.target_l0[0])"},
        BadLine{"single_transcoder", "sae", "transcoders: layers.9.mlp",
                "sae.transcoders: found \"layers.9.mlp\"; allowed a list, each a mapping of input, target"},
        BadLine{"name_as_transcoder", "sae", "transcoders: [layers.9.mlp]",
                "sae.transcoders[0]: found \"layers.9.mlp\"; allowed a mapping of input, target"},
        BadLine{"transcoder_without_target", "sae", "transcoders: [{input: layers.9.mlp_in}]",
                "sae.transcoders[0].target: found nothing; allowed text; it has no default"},
        BadLine{"checkpoint", "checkpoint", "every_minutes: -1",
                "checkpoint.every_minutes: found -1; allowed a number, 0 or more"},
        BadLine{"evaluation", "evaluation", "every_tokens: 0",
                "evaluation.every_tokens: found 0; allowed an integer, 1 or more"}),
    [](const auto& info) { return info.param.label; });

}  // namespace
}  // namespace seedbed
