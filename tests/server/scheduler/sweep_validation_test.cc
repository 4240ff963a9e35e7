#include "server/scheduler/sweep_validation.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/support/bad_spec.h"
#include "tests/server/support/sweep_builder.h"

namespace seedbed {
namespace {

using testing::HasSubstr;

class SweepValidationTest : public testing::TestWithParam<BadSpec> {};

TEST_P(SweepValidationTest, NamesTheFieldWhatWasFoundAndWhatIsAllowed) { ExpectOneViolation(GetParam()); }

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(
    Text, SweepValidationTest,
    testing::Values(
        BadSpec{"name_empty", [](auto& s) { s.clear_name(); }, "name", "is \"\"; must be 1..64 characters"},
        BadSpec{"name_long", [](auto& s) { s.set_name(std::string(65, 'a')); }, "name", "must be 1..64"},
        BadSpec{"name_space", [](auto& s) { s.set_name("a b"); }, "name", "is \"a b\"; must be"},
        BadSpec{"name_slash", [](auto& s) { s.set_name("../x"); }, "name", "[A-Za-z0-9._-]"},
        BadSpec{"model_missing", [](auto& s) { s.clear_model(); }, "model.path", "must be an absolute path"},
        BadSpec{"model_relative", [](auto& s) { s.mutable_model()->set_path("models/x"); }, "model.path",
                "is \"models/x\"; must be an absolute path"},
        BadSpec{"model_null", [](auto& s) { s.mutable_model()->set_path(std::string("/a\0b", 4)); }, "model.path",
                "without a null character"},
        BadSpec{"tokens_long",
                [](auto& s) { s.mutable_data()->mutable_tokens(0)->set_path("/" + std::string(5000, 'x')); },
                "data.tokens[0].path", "at most 4096 bytes"},
        BadSpec{"tokens_relative", [](auto& s) { s.mutable_data()->mutable_tokens(0)->set_path("x.bin"); },
                "data.tokens[0].path", "x.bin"},
        BadSpec{"tokens_none", [](auto& s) { s.mutable_data()->clear_tokens(); }, "data.tokens",
                "has 0 files; must have 1..64"},
        BadSpec{"tokens_many",
                [](auto& s) {
                  for (int i = 0; i < 64; ++i) s.mutable_data()->add_tokens()->set_path(absl::StrCat("/", i));
                },
                "data.tokens", "has 65 files"},
        BadSpec{"tokens_twice", [](auto& s) { s.mutable_data()->add_tokens()->set_path("/data/gcide.bin"); },
                "data.tokens[1].path", "is the same as data.tokens[0].path"},
        BadSpec{"cache_relative",
                [](auto& s) {
                  s.mutable_activations()->mutable_cache()->set_dir("cache");
                  s.mutable_activations()->mutable_cache()->set_max_bytes(1);
                },
                "activations.cache.dir", "is \"cache\"; must be an absolute path"},
        BadSpec{"path_without_folder", [](auto& s) { s.mutable_activations()->set_path("/rows"); }, "activations.path",
                "is \"/rows\"; must be absent unless source is folder"},
        BadSpec{"hookpoint_empty", [](auto& s) { s.mutable_sae()->set_hookpoints(0, ""); }, "sae.hookpoints[0]",
                "is \"\"; must be 1..128 characters"},
        BadSpec{"hookpoint_long", [](auto& s) { s.mutable_sae()->add_hookpoints(std::string(129, 'x')); },
                "sae.hookpoints[1]", "must be 1..128 characters"},
        BadSpec{"hookpoint_slash", [](auto& s) { s.mutable_sae()->add_hookpoints("layers/9"); }, "sae.hookpoints[1]",
                "layers/9"},
        BadSpec{"hookpoint_dots", [](auto& s) { s.mutable_sae()->add_hookpoints(".."); }, "sae.hookpoints[1]",
                "is \"..\"; must be"},
        BadSpec{"architecture",
                [](auto& s) {
                  for (const char* name : {"topk", "lasso"}) s.mutable_sae()->add_architectures(name);
                },
                "sae.architectures[1]",
                "is \"lasso\"; must be one of topk, batchtopk, matryoshka, relu, gated, jumprelu"}),
    [](const auto& info) { return info.param.label; });

INSTANTIATE_TEST_SUITE_P(
    Numbers, SweepValidationTest,
    testing::Values(
        BadSpec{"sequence_length_one",
                [](auto& s) {
                  s.mutable_data()->set_sequence_length(1);
                  s.mutable_activations()->set_exclude_first(0);
                },
                "data.sequence_length", "is 1; must be 2..1048576"},
        BadSpec{"sequence_length_missing", [](auto& s) { s.mutable_data()->clear_sequence_length(); },
                "data.sequence_length", "is 0; must be 2..1048576"},
        BadSpec{"max_tokens_below", [](auto& s) { s.mutable_data()->set_max_tokens(255); }, "data.max_tokens",
                "is 255; must be at least sequence_length (256)"},
        BadSpec{"max_tokens_huge",
                [](auto& s) { s.mutable_data()->set_max_tokens(std::numeric_limits<int64_t>::max()); },
                "data.max_tokens", "at most 100000000000000"},
        BadSpec{"order", [](auto& s) { s.mutable_data()->set_order(static_cast<v1::SequenceOrder>(9)); }, "data.order",
                "is 9; must be sequential or shuffled"},
        BadSpec{"exclude_first_all", [](auto& s) { s.mutable_activations()->set_exclude_first(256); },
                "activations.exclude_first", "is 256; must be at least 0 and less than sequence_length (256)"},
        BadSpec{"exclude_first_negative", [](auto& s) { s.mutable_activations()->set_exclude_first(-1); },
                "activations.exclude_first", "is -1"},
        BadSpec{"shuffle_rows", [](auto& s) { s.mutable_activations()->set_shuffle_rows(0); },
                "activations.shuffle_rows", "is 0; must be 1.."},
        BadSpec{"weight_negative", [](auto& s) { s.mutable_data()->mutable_tokens(0)->set_weight(-1); },
                "data.tokens[0].weight", "is -1; must be above 0 and at most 1000000000"},
        BadSpec{"weight_nan", [](auto& s) { s.mutable_data()->mutable_tokens(0)->set_weight(kNan); },
                "data.tokens[0].weight", "is nan"},
        BadSpec{"weight_without_a_sequence",
                [](auto& s) {
                  s.mutable_data()->add_tokens()->set_path("/data/rare.bin");
                  s.mutable_data()->mutable_tokens(1)->set_weight(1e-6);
                },
                "data.tokens[1].weight", "is 1e-06; must give the file at least one of the 512 sequences"},
        BadSpec{"padding_token", [](auto& s) { s.mutable_data()->set_padding_token(int64_t{1} << 32); },
                "data.padding_token", "is 4294967296; must be 0..4294967295"},
        BadSpec{"exclude_token", [](auto& s) { s.mutable_activations()->add_exclude_tokens(-1); },
                "activations.exclude_tokens[0]", "is -1; must be 0..4294967295"},
        BadSpec{"exclude_tokens_twice",
                [](auto& s) {
                  for (int i = 0; i < 2; ++i) s.mutable_activations()->add_exclude_tokens(7);
                },
                "activations.exclude_tokens[1]", "is the same as activations.exclude_tokens[0]"},
        BadSpec{"exclude_tokens_many",
                [](auto& s) {
                  for (int i = 0; i < 1025; ++i) s.mutable_activations()->add_exclude_tokens(i);
                },
                "activations.exclude_tokens", "has 1025 values; must have at most 1024"},
        BadSpec{"model_dtype", [](auto& s) { s.mutable_model()->set_dtype(v1::FLOAT_TYPE_FLOAT16); }, "model.dtype",
                "is 3; must be float32 or bfloat16"},
        BadSpec{"dtype", [](auto& s) { s.mutable_activations()->set_dtype(static_cast<v1::FloatType>(9)); },
                "activations.dtype", "is 9; must be float32, bfloat16 or float16"},
        BadSpec{"source", [](auto& s) { s.mutable_activations()->set_source(static_cast<v1::ActivationSource>(9)); },
                "activations.source", "is 9; must be model or folder"},
        BadSpec{"cache_size", [](auto& s) { s.mutable_activations()->mutable_cache()->set_dir("/cache"); },
                "activations.cache.max_bytes", "is 0; must be at least 1"},
        BadSpec{"normalize", [](auto& s) { s.mutable_activations()->set_normalize(static_cast<v1::Normalization>(9)); },
                "activations.normalize", "is 9; must be none or mean_square"},
        BadSpec{"normalize_rows_alone", [](auto& s) { s.mutable_activations()->set_normalize_rows(5); },
                "activations.normalize_rows", "is 5; must be absent unless normalize is mean_square"},
        BadSpec{"normalize_rows_beyond",
                [](auto& s) {
                  s.mutable_activations()->set_normalize(v1::NORMALIZATION_MEAN_SQUARE);
                  s.mutable_activations()->set_shuffle_rows(100);
                  s.mutable_activations()->set_normalize_rows(101);
                },
                "activations.normalize_rows", "is 101; must be at least 1 and at most shuffle_rows (100)"},
        BadSpec{"epochs", [](auto& s) { s.mutable_train()->set_epochs(0); }, "train.epochs", "is 0; must be 1..10000"},
        BadSpec{"epochs_many", [](auto& s) { s.mutable_train()->set_epochs(10'001); }, "train.epochs", "10001"},
        BadSpec{"batch_tokens", [](auto& s) { s.mutable_train()->set_batch_tokens(0); }, "train.batch_tokens",
                "is 0; must be 1..1048576"},
        BadSpec{"batch_tokens_beyond", [](auto& s) { s.mutable_train()->set_batch_tokens(1'048'576); },
                "train.batch_tokens", "is 1048576; must be at most the rows of all epochs (1044480)"},
        BadSpec{"learning_rate_zero", [](auto& s) { s.mutable_train()->set_learning_rate(0); }, "train.learning_rate",
                "is 0; must be finite and above 0"},
        BadSpec{"learning_rate_nan", [](auto& s) { s.mutable_train()->set_learning_rate(kNan); }, "train.learning_rate",
                "is nan"},
        BadSpec{"learning_rate_inf", [](auto& s) { s.mutable_train()->set_learning_rate(kInf); }, "train.learning_rate",
                "is inf"},
        BadSpec{"warmup", [](auto& s) { s.mutable_train()->set_warmup_steps(-1); }, "train.warmup_steps", "is -1"},
        BadSpec{"decay", [](auto& s) { s.mutable_train()->set_decay(static_cast<v1::LearningRateDecay>(9)); },
                "train.decay", "is 9; must be linear, constant or cosine"},
        BadSpec{"alpha", [](auto& s) { s.mutable_train()->mutable_auxiliary()->set_alpha(-0.5); },
                "train.auxiliary.alpha", "is -0.5; must be finite and at least 0"},
        BadSpec{"alpha_nan", [](auto& s) { s.mutable_train()->mutable_auxiliary()->set_alpha(kNan); },
                "train.auxiliary.alpha", "is nan"},
        BadSpec{"dead_after", [](auto& s) { s.mutable_train()->mutable_auxiliary()->set_dead_after_tokens(0); },
                "train.auxiliary.dead_after_tokens", "is 0; must be 1.."},
        BadSpec{"threshold", [](auto& s) { s.mutable_agreement()->set_threshold(1.5); }, "agreement.threshold",
                "is 1.5; must be -1..1"},
        BadSpec{"threshold_nan", [](auto& s) { s.mutable_agreement()->set_threshold(kNan); }, "agreement.threshold",
                "is nan"},
        BadSpec{"consensus_of_one", [](auto& s) { s.mutable_agreement()->set_consensus_members(1); },
                "agreement.consensus_members", "is 1; must be 0, or from 2 to the number of sae.seeds (3)"},
        BadSpec{"consensus_of_too_many", [](auto& s) { s.mutable_agreement()->set_consensus_members(4); },
                "agreement.consensus_members", "is 4; must be 0, or from 2"},
        BadSpec{"ranks_zero", [](auto& s) { s.mutable_resources()->set_ranks(0); }, "resources.ranks",
                "is 0; must be 1..64"},
        BadSpec{"ranks_many", [](auto& s) { s.mutable_resources()->set_ranks(65); }, "resources.ranks", "is 65"}),
    [](const auto& info) { return info.param.label; });

// A sweep over a folder of activations.
void ReadFolder(v1::SweepSpec& spec) {
  spec.clear_model();
  spec.clear_data();
  spec.clear_activations();
  spec.mutable_activations()->set_source(v1::ACTIVATION_SOURCE_FOLDER);
  spec.mutable_activations()->set_path("/rows");
}

BadSpec BadFolder(const std::string& label, std::function<void(v1::SweepSpec&)> spoil, const std::string& field,
                  const std::string& description) {
  const auto spoil_folder = [spoil](v1::SweepSpec& spec) {
    ReadFolder(spec);
    spoil(spec);
  };
  return {label, spoil_folder, field, description};
}

INSTANTIATE_TEST_SUITE_P(
    Folder, SweepValidationTest,
    testing::Values(
        BadFolder(
            "path", [](auto& s) { s.mutable_activations()->clear_path(); }, "activations.path",
            "is \"\"; must be an absolute path"),
        BadFolder(
            "model_relative", [](auto& s) { s.mutable_model()->set_path("m"); }, "model.path",
            "is \"m\"; must be an absolute path"),
        BadFolder(
            "model_dtype", [](auto& s) { s.mutable_model()->set_dtype(v1::FLOAT_TYPE_FLOAT32); }, "model.dtype",
            "is given; must be absent where activations come from a folder"),
        BadFolder(
            "tokens", [](auto& s) { s.mutable_data()->add_tokens()->set_path("/t"); }, "data.tokens", "is given"),
        BadFolder(
            "sequence_length", [](auto& s) { s.mutable_data()->set_sequence_length(2); }, "data.sequence_length",
            "is given"),
        BadFolder(
            "padding_token", [](auto& s) { s.mutable_data()->set_padding_token(0); }, "data.padding_token", "is given"),
        BadFolder(
            "max_tokens", [](auto& s) { s.mutable_data()->set_max_tokens(-1); }, "data.max_tokens",
            "is -1; must be 0..100000000000000"),
        BadFolder(
            "exclude_first", [](auto& s) { s.mutable_activations()->set_exclude_first(1); },
            "activations.exclude_first", "is given"),
        BadFolder(
            "exclude_tokens", [](auto& s) { s.mutable_activations()->add_exclude_tokens(1); },
            "activations.exclude_tokens", "is given"),
        BadFolder(
            "cache",
            [](auto& s) {
              s.mutable_activations()->mutable_cache()->set_dir("/cache");
              s.mutable_activations()->mutable_cache()->set_max_bytes(1);
            },
            "activations.cache", "is given")),
    [](const auto& info) { return info.param.label; });

INSTANTIATE_TEST_SUITE_P(
    Grid, SweepValidationTest,
    testing::Values(
        BadSpec{"no_hookpoints", [](auto& s) { s.mutable_sae()->clear_hookpoints(); }, "sae.hookpoints", "is empty"},
        BadSpec{"no_latents", [](auto& s) { s.mutable_sae()->clear_latents(); }, "sae.latents", "is empty"},
        BadSpec{"no_k", [](auto& s) { s.mutable_sae()->clear_k(); }, "sae.k", "is empty"},
        BadSpec{"no_seeds", [](auto& s) { s.mutable_sae()->clear_seeds(); }, "sae.seeds", "at least one value"},
        BadSpec{"latents_zero",
                [](auto& s) {
                  s.mutable_sae()->set_latents(0, 0);
                  s.mutable_sae()->set_k(0, 1);
                },
                "sae.latents[0]", "is 0; must be 1..1048576"},
        BadSpec{"latents_wide", [](auto& s) { s.mutable_sae()->add_latents(1'048'577); }, "sae.latents[1]",
                "is 1048577"},
        BadSpec{"k_zero", [](auto& s) { s.mutable_sae()->add_k(0); }, "sae.k[1]", "is 0; must be at least 1"},
        BadSpec{"k_above", [](auto& s) { s.mutable_sae()->add_k(600); }, "sae.k[1]",
                "is 600; must be at most latents (512)"},
        BadSpec{"k_above_narrowest", [](auto& s) { s.mutable_sae()->add_latents(8); }, "sae.k[0]",
                "is 16; must be at most latents (8)"},
        BadSpec{"seeds_twice", [](auto& s) { s.mutable_sae()->add_seeds(1); }, "sae.seeds[3]",
                "is the same as sae.seeds[1]"},
        BadSpec{"hookpoints_twice", [](auto& s) { s.mutable_sae()->add_hookpoints("layers.9"); }, "sae.hookpoints[1]",
                "is the same as sae.hookpoints[0]"},
        BadSpec{"grid_large",
                [](auto& s) {
                  for (int k = 1; k <= 101; ++k) {
                    if (k != 16) s.mutable_sae()->add_k(k);
                  }
                  for (int seed = 3; seed < 100; ++seed) s.mutable_sae()->add_seeds(seed);
                },
                "sae", "makes 10100 runs; must make at most 10000"}),
    [](const auto& info) { return info.param.label; });

TEST(SweepValidation, ReturnsEverythingThatIsWrongAtOnce) {
  v1::SweepSpec spec = DemoSweep();
  spec.set_name("");
  spec.mutable_train()->set_epochs(-1);
  spec.mutable_sae()->add_k(9999);
  spec.mutable_sae()->add_hookpoints("mlp 9");
  std::vector<std::string> fields;
  for (const SpecViolation& violation : ValidateSweep(spec).violations) fields.push_back(violation.field);
  EXPECT_THAT(fields, testing::UnorderedElementsAre("name", "train.epochs", "sae.k[1]", "sae.hookpoints[1]"));
}

TEST(SweepValidation, AnAxisBeyondAllBoundsIsOneViolation) {
  v1::SweepSpec spec = DemoSweep();
  for (int i = 0; i < 200'000; ++i) spec.mutable_sae()->add_seeds(0);
  const ValidatedSweep validated = ValidateSweep(spec);
  ASSERT_EQ(validated.violations.size(), 2);
  EXPECT_EQ(validated.violations[0].field, "sae.seeds");
  EXPECT_EQ(validated.violations[1].field, "sae");
}

TEST(SweepValidation, CutsALongTextBetweenCharacters) {
  v1::SweepSpec spec = DemoSweep();
  std::string name = "x";
  for (int i = 0; i < 60; ++i) name += "é";
  spec.set_name(name);
  const ValidatedSweep validated = ValidateSweep(spec);
  ASSERT_EQ(validated.violations.size(), 1);
  EXPECT_THAT(validated.violations[0].description, HasSubstr("é...\""));
}

TEST(SweepValidation, AFolderNeedsNeitherModelNorTokens) {
  v1::SweepSpec spec = DemoSweep();
  ReadFolder(spec);
  EXPECT_TRUE(ValidateSweep(spec).violations.empty());
  spec.mutable_model()->set_path("/models/named");
  spec.mutable_data()->set_max_tokens(100);
  EXPECT_TRUE(ValidateSweep(spec).violations.empty());
}

TEST(SweepValidation, TakesSynonymsAndPatternsOfHookpoints) {
  v1::SweepSpec spec = DemoSweep();
  for (const char* name : {"layers.*.mlp", "model.layers.9", "gpt_neox.layers.3.mlp", "embeddings", "layers.[0-3]"}) {
    spec.mutable_sae()->add_hookpoints(name);
  }
  EXPECT_TRUE(ValidateSweep(spec).violations.empty());
}

TEST(SweepValidation, FillsInEveryConstantDefault) {
  v1::SweepSpec spec = DemoSweep();
  spec.clear_activations();
  spec.clear_train();
  spec.mutable_data()->set_max_tokens(100'000'000);
  const ValidatedSweep validated = ValidateSweep(spec);
  ASSERT_TRUE(validated.violations.empty());
  const v1::SweepSpec& full = validated.spec;
  EXPECT_EQ(full.data().order(), v1::SEQUENCE_ORDER_SHUFFLED);
  EXPECT_TRUE(full.data().has_seed());
  EXPECT_EQ(full.data().seed(), 0);
  EXPECT_EQ(full.activations().exclude_first(), 0);
  EXPECT_EQ(full.activations().shuffle_rows(), 65'536);
  EXPECT_EQ(full.activations().source(), v1::ACTIVATION_SOURCE_MODEL);
  EXPECT_EQ(full.activations().normalize(), v1::NORMALIZATION_NONE);
  EXPECT_FALSE(full.activations().has_cache());
  EXPECT_TRUE(full.activations().has_dtype());
  EXPECT_TRUE(full.model().has_dtype());
  EXPECT_EQ(full.data().tokens(0).weight(), 1);
  EXPECT_EQ(full.train().epochs(), 1);
  EXPECT_EQ(full.train().batch_tokens(), 4096);
  EXPECT_FALSE(full.train().has_learning_rate()) << "it follows from each run's latents";
  EXPECT_FALSE(full.train().has_decay()) << "it follows from each run's convention";
  EXPECT_FALSE(full.train().auxiliary().has_alpha());
  EXPECT_THAT(full.sae().architectures(), testing::ElementsAre("topk"));
  EXPECT_EQ(full.agreement().threshold(), 0.7);
  EXPECT_EQ(full.agreement().consensus_members(), 0);
}

TEST(SweepValidation, KeepsWhatTheUserSet) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_data()->set_order(v1::SEQUENCE_ORDER_SEQUENTIAL);
  spec.mutable_train()->set_warmup_steps(0);
  spec.mutable_train()->mutable_auxiliary()->set_dead_after_tokens(5);
  spec.mutable_agreement()->set_threshold(-1);
  spec.mutable_agreement()->set_consensus_members(3);
  spec.mutable_resources()->set_ranks(64);
  const ValidatedSweep validated = ValidateSweep(spec);
  ASSERT_TRUE(validated.violations.empty());
  EXPECT_EQ(validated.spec.data().order(), v1::SEQUENCE_ORDER_SEQUENTIAL);
  EXPECT_EQ(validated.spec.train().warmup_steps(), 0);
  EXPECT_EQ(validated.spec.train().auxiliary().dead_after_tokens(), 5);
  EXPECT_EQ(validated.spec.agreement().threshold(), -1);
  EXPECT_EQ(validated.spec.agreement().consensus_members(), 3);
  EXPECT_EQ(validated.spec.resources().ranks(), 64);
}

}  // namespace
}  // namespace seedbed
