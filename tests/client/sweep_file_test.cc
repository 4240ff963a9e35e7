#include "client/sweep_file.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/yaml_tree.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "proto/rpc/status.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Line numbers in the table below count from this text's first line.
constexpr char kGood[] = R"(name: topk-seeds
model: {path: models/smol}
data: {tokens: data/gcide.bin, sequence_length: 256, max_tokens: 131_072, order: shuffled, seed: 7}
activations: {exclude_first: 1, shuffle_rows: 65_536}
train:
  epochs: 8
  batch_tokens: 256
  learning_rate: 0.003
  warmup_steps: 10
  decay: constant
  auxiliary: {alpha: 0.03125, dead_after_tokens: 1_000}
sae:
  hookpoints: [layers.9, layers.9.mlp]
  architectures: [topk]
  latents: [512, 4608]
  k:
    - 16
    - 32
  seeds: [0, 1, 18446744073709551615]
agreement: {threshold: -0.5, consensus_members: 2}
resources: {ranks: 2}
)";

std::string ErrorOf(const std::string& contents) {
  const auto file = ParseSweepFile("s.yaml", contents, "/home/me");
  return file.ok() ? "no error" : std::string(file.status().message());
}

TEST(SweepFile, ReadsEveryField) {
  const auto file = ParseSweepFile("s.yaml", kGood, "/home/me");
  ASSERT_TRUE(file.ok()) << file.status();
  v1::SweepSpec expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    name: "topk-seeds"
    model { path: "/home/me/models/smol" }
    data {
      tokens { path: "/home/me/data/gcide.bin" } sequence_length: 256 max_tokens: 131072 order: SEQUENCE_ORDER_SHUFFLED seed: 7
    }
    activations { exclude_first: 1 shuffle_rows: 65536 }
    train {
      epochs: 8 batch_tokens: 256 learning_rate: 0.003 warmup_steps: 10 decay: LEARNING_RATE_DECAY_CONSTANT
      auxiliary { alpha: 0.03125 dead_after_tokens: 1000 }
    }
    sae {
      hookpoints: [ "layers.9", "layers.9.mlp" ] architectures: "topk" latents: [ 512, 4608 ] k: [ 16, 32 ]
      seeds: [ 0, 1, 18446744073709551615 ]
    }
    agreement { threshold: -0.5 consensus_members: 2 }
    resources { ranks: 2 })",
                                                            &expected));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(file->spec, expected)) << file->spec.DebugString();
}

TEST(SweepFile, ReadsWhoHowUrgentAndWhere) {
  const std::string contents = absl::StrCat(kGood, "scheduling: {priority: -5, user: anna, hold: true}\n");
  const std::string labelled =
      absl::StrReplaceAll(contents, {{"{ranks: 2}", "{ranks: 2, labels: {gpu: h100, rack: 3}}"}});
  const auto file = ParseSweepFile("s.yaml", labelled, "/home/me");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->spec.scheduling().priority(), -5);
  EXPECT_EQ(file->spec.scheduling().user(), "anna");
  EXPECT_TRUE(file->spec.scheduling().hold());
  EXPECT_EQ(file->spec.resources().labels_size(), 2);
  EXPECT_EQ(file->spec.resources().labels().at("gpu"), "h100");
  EXPECT_EQ(file->spec.resources().labels().at("rack"), "3");
  const auto error_of = [&](const std::string& labels) {
    return ErrorOf(absl::StrReplaceAll(contents, {{"{ranks: 2}", labels}}));
  };
  EXPECT_EQ(
      error_of("{labels: h100}"),
      "s.yaml:21: resources.labels: found \"h100\"; allowed a mapping of names to 1..64 characters of A-Z a-z 0-9 . "
      "_ -");
  EXPECT_EQ(error_of("{labels: {gpu: [h100]}}"),
            "s.yaml:21: resources.labels.gpu: found a list; allowed 1..64 characters of A-Z a-z 0-9 . _ -");
  EXPECT_EQ(error_of("{labels: {gpu: h 100}}"),
            "s.yaml:21: resources.labels.gpu: found \"h 100\"; allowed 1..64 characters of A-Z a-z 0-9 . _ -");
}

TEST(SweepFile, LeavesWhatIsAbsentToTheCoordinator) {
  const auto file = ParseSweepFile("s.yaml",
                                   "name: n\nmodel: {path: /m}\ndata: {tokens: /t, sequence_length: 2, max_tokens: 2}\n"
                                   "sae: {hookpoints: [layers.0], latents: [1], k: [1], seeds: [0]}\n",
                                   "/home/me");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(file->spec.has_train());
  EXPECT_FALSE(file->spec.data().has_order());
  EXPECT_EQ(file->spec.sae().architectures_size(), 0);
}

struct BadEdit {
  std::string from;  // Replaced in the good file by `to`.
  std::string to;
  std::string error;
};

v1::SweepSpec Parse(const std::string& contents) {
  const auto file = ParseSweepFile("s.yaml", contents, "/home/me");
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? file->spec : v1::SweepSpec();
}

// With every key of a stream; line numbers in the table below count from its first line.
constexpr char kStream[] = R"(name: n
model: {path: m, dtype: bfloat16}
data:
  tokens:
    - a.bin
    - {path: b.bin, weight: 0.25}
    - {weight: 3, path: /c.bin}
  sequence_length: 16
  max_tokens: 4096
  padding_token: 0
activations:
  exclude_tokens: [0, 49_151]
  dtype: float16
  source: model
  cache: {dir: cache, max_bytes: 512MiB}
  normalize: mean_square
  normalize_rows: 1_000
sae: {hookpoints: ["layers.*.mlp"], latents: [1], k: [1], seeds: [0]}
)";

TEST(SweepFile, ReadsMixturesCachesAndTypes) {
  v1::SweepSpec expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    name: "n"
    model { path: "/home/me/m" dtype: FLOAT_TYPE_BFLOAT16 }
    data {
      tokens { path: "/home/me/a.bin" } tokens { path: "/home/me/b.bin" weight: 0.25 } tokens { path: "/c.bin" weight: 3 }
      sequence_length: 16 max_tokens: 4096 padding_token: 0
    }
    activations {
      exclude_tokens: [ 0, 49151 ] dtype: FLOAT_TYPE_FLOAT16 source: ACTIVATION_SOURCE_MODEL
      cache { dir: "/home/me/cache" max_bytes: 536870912 } normalize: NORMALIZATION_MEAN_SQUARE normalize_rows: 1000
    }
    sae { hookpoints: "layers.*.mlp" latents: 1 k: 1 seeds: 0 })",
                                                            &expected));
  const v1::SweepSpec spec = Parse(kStream);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(spec, expected)) << spec.DebugString();
}

TEST(SweepFile, AFolderNeedsNeitherModelNorTokens) {
  const v1::SweepSpec spec = Parse(
      "name: n\nactivations: {source: folder, path: rows}\n"
      "sae: {hookpoints: [layers.0], latents: [1], k: [1], seeds: [0]}\n");
  EXPECT_EQ(spec.activations().source(), v1::ACTIVATION_SOURCE_FOLDER);
  EXPECT_EQ(spec.activations().path(), "/home/me/rows");
  EXPECT_FALSE(spec.has_model());
  EXPECT_FALSE(spec.has_data());
}

TEST(SweepFile, ReadsSizes) {
  const std::vector<std::pair<std::string, int64_t>> sizes = {{"1", 1},
                                                              {"500_000", 500'000},
                                                              {"2kB", 2000},
                                                              {"3MB", 3'000'000},
                                                              {"10GB", 10'000'000'000},
                                                              {"1TB", 1'000'000'000'000},
                                                              {"1KiB", 1024},
                                                              {"1_0MiB", 10 << 20},
                                                              {"1GiB", 1 << 30},
                                                              {"1TiB", int64_t{1} << 40}};
  for (const auto& [text, bytes] : sizes) {
    EXPECT_EQ(Parse(absl::StrReplaceAll(kStream, {{"512MiB", text}})).activations().cache().max_bytes(), bytes) << text;
  }
}

TEST(SweepFile, RefusesWhatIsNoSize) {
  for (const char* text :
       {"0", "-1", "GB", "1.5GB", "10gb", "10 GB", "1KB", "9999999TB", "99999999999999999999", "_1", "many"}) {
    EXPECT_THAT(ErrorOf(absl::StrReplaceAll(kStream, {{"512MiB", text}})),
                AllOf(StartsWith("s.yaml:15: activations.cache.max_bytes: found "),
                      HasSubstr("; allowed bytes, 1 or more, as in 500_000_000, 10GB or 512MiB")))
        << text;
  }
}

class BadStream : public testing::TestWithParam<BadEdit> {};

TEST_P(BadStream, IsOneLineThatNamesFileLineKeyFoundAndAllowed) {
  const BadEdit& edit = GetParam();
  ASSERT_THAT(std::string(kStream), HasSubstr(edit.from));
  EXPECT_EQ(ErrorOf(absl::StrReplaceAll(kStream, {{edit.from, edit.to}})), edit.error);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadStream,
    testing::Values(
        BadEdit{"weight: 0.25", "wieght: 0.25",
                "s.yaml:6: data.tokens[1].wieght: found an unknown key; allowed path, weight; nearest: weight"},
        BadEdit{"weight: 0.25", "weight: 0", "s.yaml:6: data.tokens[1].weight: found 0; allowed a number above 0"},
        BadEdit{"{path: b.bin, weight", "{weight",
                "s.yaml:6: data.tokens[1].path: found nothing; allowed a path; it has no default"},
        BadEdit{"{path: b.bin, weight: 0.25}", "[b.bin]",
                "s.yaml:6: data.tokens[1]: found a list; allowed a path or a mapping of path, weight"},
        BadEdit{"{path: b.bin, weight: 0.25}", "~",
                "s.yaml:6: data.tokens[1]: found nothing; allowed a path or a mapping of path, weight"},
        BadEdit{"path: b.bin", "path: []", "s.yaml:6: data.tokens[1].path: found a list; allowed a path"},
        BadEdit{"  tokens:\n    - a.bin\n    - {path: b.bin, weight: 0.25}\n    - {weight: 3, path: /c.bin}\n",
                "  tokens: []\n",
                "s.yaml:4: data.tokens: found an empty list; allowed a path, or a list, each a path or a mapping of "
                "path, weight"},
        BadEdit{"  tokens:\n    - a.bin\n    - {path: b.bin, weight: 0.25}\n    - {weight: 3, path: /c.bin}\n",
                "  tokens: {path: a.bin}\n",
                "s.yaml:4: data.tokens: found a mapping; allowed a path, or a list, each a path or a mapping of path, "
                "weight"},
        BadEdit{"[0, 49_151]", "[0, 0]",
                "s.yaml:12: activations.exclude_tokens[1]: found 0 a second time; allowed each value once (first at "
                "activations.exclude_tokens[0])"},
        BadEdit{"[0, 49_151]", "[-1]",
                "s.yaml:12: activations.exclude_tokens[0]: found -1; allowed an integer, 0..4294967295"},
        BadEdit{"dtype: bfloat16", "dtype: float16",
                "s.yaml:2: model.dtype: found float16; allowed float32 or bfloat16"},
        BadEdit{"dtype: float16", "dtype: half",
                "s.yaml:13: activations.dtype: found half; allowed float32 or bfloat16 or float16"},
        BadEdit{"source: model", "source: file", "s.yaml:14: activations.source: found file; allowed model or folder"},
        BadEdit{"mean_square", "layer", "s.yaml:16: activations.normalize: found layer; allowed none or mean_square"},
        BadEdit{"dir: cache, ", "",
                "s.yaml:15: activations.cache.dir: found nothing; allowed a path; it has no default"},
        BadEdit{", max_bytes: 512MiB", "",
                "s.yaml:15: activations.cache.max_bytes: found nothing; allowed bytes, 1 or more, as in 500_000_000, "
                "10GB or 512MiB; it has no default"},
        BadEdit{"{dir: cache, max_bytes: 512MiB}", "{}",
                "s.yaml:15: activations.cache.dir: found nothing; allowed a path; it has no default"},
        BadEdit{"  max_tokens: 4096\n", "",
                "s.yaml:3: data.max_tokens: found nothing; allowed an integer, 0 or more; it has no default"},
        BadEdit{"path: m, ", "", "s.yaml:2: model.path: found nothing; allowed a path; it has no default"}));

TEST(InTermsOfFile, FindsTheLineOfAListElement) {
  const auto file = ParseSweepFile("s.yaml", kStream, "/home/me");
  ASSERT_TRUE(file.ok());
  const absl::Status error = FieldViolationsError({{"spec.data.tokens[0].path", "is cut"},
                                                   {"spec.data.tokens[1].path", "is cut"},
                                                   {"spec.data.tokens[2].weight", "is small"}});
  EXPECT_EQ(InTermsOfFile(*file, error).message(),
            "s.yaml:5: data.tokens[0].path: is cut; s.yaml:6: data.tokens[1].path: is cut; s.yaml:7: "
            "data.tokens[2].weight: is small");
  const auto single = ParseSweepFile("s.yaml", kGood, "/home/me");
  EXPECT_EQ(InTermsOfFile(*single, FieldViolationsError({{"spec.data.tokens[0].path", "is cut"}})).message(),
            "s.yaml:3: data.tokens[0].path: is cut");
}

TEST(InTermsOfFile, KeepsTheCodeOfAFieldThatWaits) {
  const auto file = ParseSweepFile("s.yaml", kGood, "/home/me");
  ASSERT_TRUE(file.ok());
  const absl::Status error =
      FieldViolationsError({{"spec.sae.hookpoints[0]", "needs a worker"}}, absl::StatusCode::kUnavailable);
  EXPECT_EQ(InTermsOfFile(*file, error), absl::UnavailableError("s.yaml:13: sae.hookpoints[0]: needs a worker"));
}

TEST(SweepFile, AnchorsPathsAtTheFolderOfTheFile) {
  const std::string up = absl::StrReplaceAll(kGood, {{"models/smol", "../../models/./smol"}});
  EXPECT_EQ(ParseSweepFile("s.yaml", up, "/home/me/sweeps/a")->spec.model().path(), "/home/me/models/smol");
  const std::string absolute = absl::StrReplaceAll(kGood, {{"models/smol", "/srv/smol"}});
  EXPECT_EQ(ParseSweepFile("s.yaml", absolute, "/home/me")->spec.model().path(), "/srv/smol");
}

class BadSweepFile : public testing::TestWithParam<BadEdit> {};

TEST_P(BadSweepFile, IsOneLineThatNamesFileLineKeyFoundAndAllowed) {
  const BadEdit& edit = GetParam();
  ASSERT_THAT(std::string(kGood), HasSubstr(edit.from));
  EXPECT_EQ(ErrorOf(absl::StrReplaceAll(kGood, {{edit.from, edit.to}})), edit.error);
}

INSTANTIATE_TEST_SUITE_P(
    Unknown, BadSweepFile,
    testing::Values(
        BadEdit{"  epochs: 8", "  epohcs: 8",
                "s.yaml:6: train.epohcs: found an unknown key; allowed auxiliary, batch_tokens, compute, convention, "
                "decay, decay_start_step, decoder_bias, epochs, final_learning_rate, init_from, learning_rate, "
                "matryoshka, multi_topk, optimizer, sparsity, warmup_steps; nearest: epochs"},
        BadEdit{"sae:\n", "saes:\n",
                "s.yaml:12: saes: found an unknown key; allowed activations, agreement, checkpoint, data, evaluation, "
                "model, name, resources, sae, scheduling, train; nearest: sae"},
        BadEdit{"{alpha: 0.03125", "{alhpa: 0.03125",
                "s.yaml:11: train.auxiliary.alhpa: found an unknown key; allowed alpha, dead_after_tokens, k; nearest: "
                "alpha"},
        BadEdit{"name: topk-seeds", "model.path: x",
                "s.yaml:1: model.path: found an unknown key; allowed activations, agreement, checkpoint, data, "
                "evaluation, model, name, resources, sae, scheduling, train; nearest: model"},
        BadEdit{"name: topk-seeds", "\"na\\nme\": x",
                "s.yaml:1: \"na\\nme\": found an unknown key; allowed activations, agreement, checkpoint, data, "
                "evaluation, model, name, resources, sae, scheduling, train; nearest: name"}));

INSTANTIATE_TEST_SUITE_P(
    WrongType, BadSweepFile,
    testing::Values(
        BadEdit{"epochs: 8", "epochs: many", "s.yaml:6: train.epochs: found many; allowed an integer, 1..10000"},
        BadEdit{"epochs: 8", "epochs: 8.0", "s.yaml:6: train.epochs: found 8.0; allowed an integer, 1..10000"},
        BadEdit{"epochs: 8", "epochs: \"8\"",
                "s.yaml:6: train.epochs: found the text \"8\"; allowed an integer, 1..10000"},
        BadEdit{"epochs: 8", "epochs: [8]", "s.yaml:6: train.epochs: found a list; allowed an integer, 1..10000"},
        BadEdit{"epochs: 8", "epochs: {a: 8}", "s.yaml:6: train.epochs: found a mapping; allowed an integer, 1..10000"},
        BadEdit{"epochs: 8", "epochs:", "s.yaml:6: train.epochs: found nothing; allowed an integer, 1..10000"},
        BadEdit{"epochs: 8", "epochs: ~", "s.yaml:6: train.epochs: found nothing; allowed an integer, 1..10000"},
        BadEdit{"131_072", "131__072", "s.yaml:3: data.max_tokens: found 131__072; allowed an integer, 0 or more"},
        BadEdit{"131_072", "_131072", "s.yaml:3: data.max_tokens: found _131072; allowed an integer, 0 or more"},
        BadEdit{"131_072", "0x20000", "s.yaml:3: data.max_tokens: found 0x20000; allowed an integer, 0 or more"},
        BadEdit{"131_072", "12 34", "s.yaml:3: data.max_tokens: found \"12 34\"; allowed an integer, 0 or more"},
        BadEdit{"0.003", "fast", "s.yaml:8: train.learning_rate: found fast; allowed a number above 0 or auto"},
        BadEdit{"0.003", ".nan", "s.yaml:8: train.learning_rate: found .nan; allowed a number above 0 or auto"},
        BadEdit{"0.003", "1e999", "s.yaml:8: train.learning_rate: found 1e999; allowed a number above 0 or auto"},
        BadEdit{"[0, 1, 18446744073709551615]", "3",
                "s.yaml:19: sae.seeds: found the single value \"3\"; allowed a list, each an integer, "
                "0..18446744073709551615, as in [3]"},
        BadEdit{"[512, 4608]", "512",
                "s.yaml:15: sae.latents: found the single value \"512\"; allowed a list, each an integer, 1..1048576, "
                "as in [512]"},
        BadEdit{"[512, 4608]", "[]",
                "s.yaml:15: sae.latents: found an empty list; allowed a list, each an integer, 1..1048576"},
        BadEdit{"[512, 4608]", "[512, [1]]", "s.yaml:15: sae.latents[1]: found a list; allowed an integer, 1..1048576"},
        BadEdit{"model: {path: models/smol}", "model: models/smol",
                "s.yaml:2: model: found \"models/smol\"; allowed a mapping of dtype, path"},
        BadEdit{"activations: {exclude_first: 1, shuffle_rows: 65_536}", "activations:",
                "s.yaml:4: activations: found nothing; allowed a mapping of cache, dtype, exclude_first, "
                "exclude_tokens, normalize, normalize_rows, path, shuffle_rows, source"}));

INSTANTIATE_TEST_SUITE_P(
    OutOfRange, BadSweepFile,
    testing::Values(
        BadEdit{"epochs: 8", "epochs: 0", "s.yaml:6: train.epochs: found 0; allowed an integer, 1..10000"},
        BadEdit{"epochs: 8", "epochs: 10_001", "s.yaml:6: train.epochs: found 10_001; allowed an integer, 1..10000"},
        BadEdit{"epochs: 8", "epochs: 99999999999999999999",
                "s.yaml:6: train.epochs: found 99999999999999999999; allowed an integer, 1..10000"},
        BadEdit{"    - 32", "    - 0", "s.yaml:18: sae.k[1]: found 0; allowed an integer, 1..1048576"},
        BadEdit{"seed: 7", "seed: -7", "s.yaml:3: data.seed: found -7; allowed an integer, 0..18446744073709551615"},
        BadEdit{"18446744073709551615", "18446744073709551616",
                "s.yaml:19: sae.seeds[2]: found 18446744073709551616; allowed an integer, 0..18446744073709551615"},
        BadEdit{"0.003", "0", "s.yaml:8: train.learning_rate: found 0; allowed a number above 0 or auto"},
        BadEdit{"0.03125", "-1", "s.yaml:11: train.auxiliary.alpha: found -1; allowed a number, 0 or more"},
        BadEdit{"-0.5", "1.01", "s.yaml:20: agreement.threshold: found 1.01; allowed a number, -1..1"},
        BadEdit{"consensus_members: 2", "consensus_members: two",
                "s.yaml:20: agreement.consensus_members: found two; allowed an integer, 0..1048576"},
        BadEdit{"ranks: 2", "ranks: 65", "s.yaml:21: resources.ranks: found 65; allowed an integer, 1..64"},
        BadEdit{"order: shuffled", "order: random",
                "s.yaml:3: data.order: found random; allowed sequential or shuffled"},
        BadEdit{"name: topk-seeds", "name: top k",
                "s.yaml:1: name: found \"top k\"; allowed 1..64 characters of A-Z a-z 0-9 . _ -"},
        BadEdit{"path: models/smol", "path: \"\"", "s.yaml:2: model.path: found the text \"\"; allowed a path"}));

INSTANTIATE_TEST_SUITE_P(
    TwiceOrMissing, BadSweepFile,
    testing::Values(
        BadEdit{"  decay: constant", "  epochs: 9",
                "s.yaml:10: \"epochs\": found a second time (first on line 6); allowed once"},
        BadEdit{"resources: {ranks: 2}", "name: other",
                "s.yaml:21: \"name\": found a second time (first on line 1); allowed once"},
        BadEdit{"[512, 4608]", "[512, 5_12]",
                "s.yaml:15: sae.latents[1]: found 5_12 a second time; allowed each value once (first at "
                "sae.latents[0])"},
        BadEdit{"name: topk-seeds", "",
                "s.yaml:1: name: found nothing; allowed 1..64 characters of A-Z a-z 0-9 . _ -; it has no default"},
        BadEdit{"sequence_length: 256, ", "",
                "s.yaml:3: data.sequence_length: found nothing; allowed an integer, 2..1048576; it has no default"},
        BadEdit{"  latents: [512, 4608]\n", "",
                "s.yaml:12: sae.latents: found nothing; allowed a list, each an integer, 1..1048576; it has no "
                "default"}));

struct Hostile {
  std::string name;
  std::string contents;
  std::string error_part;
};

class HostileYaml : public testing::TestWithParam<Hostile> {};

TEST_P(HostileYaml, IsRefusedInOneLine) {
  const std::string error = ErrorOf(GetParam().contents);
  EXPECT_THAT(error, AllOf(StartsWith("s.yaml"), HasSubstr(GetParam().error_part), Not(HasSubstr("\n"))));
}

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string ManyKeys() {
  std::string all;
  for (int i = 0; i < 100'000; ++i) absl::StrAppend(&all, "k", i, ":\n");
  return all;
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileYaml,
    testing::Values(Hostile{"empty", "", "s.yaml:1: found nothing; allowed a mapping of keys"},
                    Hostile{"comment", "# nothing\n", "found nothing; allowed a mapping"},
                    Hostile{"list", "[1, 2]", "s.yaml:1: found a list; allowed a mapping"},
                    Hostile{"word", "\n\nhello", "s.yaml:3: found \"hello\"; allowed a mapping"},
                    Hostile{"unclosed", "name: n\nmodel: {path: [", "s.yaml:2: "},
                    Hostile{"tabs", "name: n\n\tmodel: 1\n", "s.yaml:2: "},
                    Hostile{"anchor", "name: &a n\n", "s.yaml:1: found an anchor; allowed plain values"},
                    Hostile{"alias", "name: *a\n", "s.yaml:1: "},
                    Hostile{"merge", "<<: {name: n}\n", "<<: found an unknown key"},
                    Hostile{"tag", "name: !!python/object:os.system n\n", "found the tag"},
                    Hostile{"list_key", "? [a, b]\n: c\n", "found a key that is not a word"},
                    Hostile{"documents", "name: a\n---\nname: b\n", "found a second YAML document"},
                    Hostile{"version", "%YAML 9.9\n---\nname: a\n", "s.yaml:1: "},
                    Hostile{"nul", std::string("name: a\nb\0c: 1\n", 15), "s.yaml:2: found the byte 0"},
                    Hostile{"latin1", "name: caf\xe9\n", "not UTF-8"},
                    Hostile{"large", Repeat("# padding\n", 200'000), "allowed at most 1048576"},
                    Hostile{"deep_block", Repeat("- ", 500'000), "s.yaml:1: "},
                    Hostile{"deep_map", "{" + Repeat("a: {", 250'000), "s.yaml:1: "},
                    Hostile{"deep_list", "a: " + Repeat("[", 1'000'000), "s.yaml:1: "},
                    Hostile{"many_keys", ManyKeys(), "allowed 256"},
                    Hostile{"long_scalar", "name: " + std::string(1'000'000, 'x'), "allowed 1..64 characters"}),
    [](const auto& info) { return info.param.name; });

TEST(SweepFile, LoadNamesAMissingFileAndAFolder) {
  EXPECT_EQ(LoadSweepFile("/nonexistent/s.yaml").status().message(), "/nonexistent/s.yaml: No such file or directory");
  EXPECT_THAT(std::string(LoadSweepFile("/tmp").status().message()), HasSubstr("/tmp: is a folder"));
}

TEST(InTermsOfFile, GivesTheLineOfEachFieldThatTheServerNames) {
  const auto file = ParseSweepFile("s.yaml", kGood, "/home/me");
  ASSERT_TRUE(file.ok());
  const absl::Status error = FieldViolationsError({{"spec.sae.k[1]", "is 32; must be at most latents (16)"},
                                                   {"sae.hookpoints", "differ"},
                                                   {"spec.train.auxiliary.unheard_of", "is odd"},
                                                   {"spec.elsewhere", "is odd too"}});
  EXPECT_EQ(InTermsOfFile(*file, error).message(),
            "s.yaml:18: sae.k[1]: is 32; must be at most latents (16); s.yaml:13: sae.hookpoints: differ; "
            "s.yaml:11: train.auxiliary.unheard_of: is odd; s.yaml: elsewhere: is odd too");
  EXPECT_EQ(InTermsOfFile(*file, error).code(), absl::StatusCode::kInvalidArgument);
}

TEST(InTermsOfFile, LeavesOtherErrorsAlone) {
  const auto file = ParseSweepFile("s.yaml", kGood, "/home/me");
  const absl::Status error = absl::UnavailableError("nobody answers");
  EXPECT_EQ(InTermsOfFile(*file, error), error);
}

TEST(DemoSweep, Parses) {
  const auto file = LoadSweepFile(std::string(SEEDBED_SOURCE_DIR) + "/tools/demo/topk-seeds.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->spec.model().path(), std::string(SEEDBED_SOURCE_DIR) + "/build/demo/smollm2-135m");
}

}  // namespace
}  // namespace seedbed
