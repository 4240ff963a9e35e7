// The kernels of topk, batchtopk and matryoshka against their definitions, in every convention and with everything that
// a config may add.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "absl/cleanup/cleanup.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/arch/sae_fixtures.h"
#include "tests/sae/arch/topk_family_configs.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string name;
  SaeConfig config;
  int64_t rows = 64;
};

const std::vector<std::string>& FamilyNames() {
  static const auto* const kNames = new std::vector<std::string>{"topk", "batchtopk", "matryoshka"};
  return *kNames;
}

// So many that they are screened where their selection can be. k leaves no row with one active latent: where W_enc
// begins as W_dec, the gradient by its activation is 0 up to rounding.
void HaveManyLatents(SaeConfig* config) {
  config->latents = 2100;
  config->group_sizes = {300, 700, 1100};
  config->k = 20;
  config->seed = 4;
}

std::vector<Variation> Variations() {
  return {
      {"plain", [](SaeConfig*) {}},
      {"auxiliary", &AddAuxiliary},
      {"auxiliary_of_most",
       [](SaeConfig* config) {
         AddAuxiliary(config);
         config->auxiliary_k = 100;  // More than there are dead latents, or positive ones among them.
       }},
      {"screened", &HaveManyLatents},
      {"screened_auxiliary",
       [](SaeConfig* config) {
         AddAuxiliary(config);
         HaveManyLatents(config);
       }},
      {"skip", [](SaeConfig* config) { config->skip = true; }},
      {"transcoder", &MakeTranscoder},
      {"skip_transcoder",
       [](SaeConfig* config) {
         MakeTranscoder(config);
         config->skip = true;
       }},
      {"auxiliary_skip_transcoder",
       [](SaeConfig* config) {
         MakeTranscoder(config);
         AddAuxiliary(config);
         config->skip = true;
       }},
      {"clip", [](SaeConfig* config) { config->gradient_clip = 0.05; }},
      {"clip_auxiliary_skip_transcoder",
       [](SaeConfig* config) {
         MakeTranscoder(config);
         AddAuxiliary(config);
         config->skip = true;
         config->gradient_clip = 0.05;
       }},
      {"signum", &UseSignum},
      {"signum_auxiliary",
       [](SaeConfig* config) {
         AddAuxiliary(config);
         UseSignum(config);
       }},
  };
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const Architecture& architecture : Architectures()) {
    const std::vector<std::string>& family = FamilyNames();
    if (std::find(family.begin(), family.end(), architecture.name) == family.end()) continue;
    for (const Convention convention : architecture.conventions) {
      for (const Variation& variation : Variations()) {
        SaeConfig config = FamilyConfig(architecture.name, convention);
        variation.apply(&config);
        cases.push_back({architecture.name + "_" + NameOf(convention) + "_" + variation.name, config});
      }
      // Several tiles of rows, and pieces that are not full.
      cases.push_back(
          {architecture.name + "_" + NameOf(convention) + "_tiles", FamilyConfig(architecture.name, convention), 1100});
    }
  }
  for (const bool skip : {false, true}) {
    SaeConfig config = FamilyConfig("topk", Convention::kSparsify);
    config.multi_topk = true;
    config.skip = skip;
    cases.push_back({std::string("topk_multi_topk") + (skip ? "_skip" : ""), config});
  }
  return cases;
}

at::Tensor TargetOf(const SaeConfig& config, const at::Tensor& input, int t) {
  return config.transcoder ? MakeBatch(input.size(0), config.d_out, 1000 + static_cast<uint64_t>(t)) : input;
}

class TopkFamily : public testing::TestWithParam<Case> {};

// For the tolerance see KernelsAgainstDefinition in topk_test.cc.
TEST_P(TopkFamily, KernelsAgreeWithTheDefinitionOverFiftySteps) {
  const SaeConfig& config = GetParam().config;
  const SaeTensors initial = *InitialParameters(config);
  const auto kernels = MakeSae(config, initial, Implementation::kFastest);
  const auto definition = MakeSae(config, initial, Implementation::kDefinition);
  double auxiliary = 0;
  for (int t = 0; t < 50; ++t) {
    const at::Tensor input = MakeBatch(GetParam().rows, config.d_in, static_cast<uint64_t>(t));
    const at::Tensor target = TargetOf(config, input, t);
    const auto a = kernels->Step(input, target);
    const auto b = definition->Step(input, target);
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    ASSERT_NEAR(a->fvu, b->fvu, 1e-5 * b->fvu) << t;
    ASSERT_NEAR(a->loss, b->loss, 1e-5 * b->loss) << t;
    ASSERT_NEAR(a->auxiliary_loss, b->auxiliary_loss, 1e-5 * b->auxiliary_loss) << t;
    ASSERT_EQ(a->l0, b->l0) << t;
    ASSERT_EQ(a->dead_fraction, b->dead_fraction) << t;
    auxiliary += b->auxiliary_loss;
  }
  EXPECT_EQ(auxiliary > 0, config.auxiliary_alpha > 0);
  ExpectClose(kernels->ExportDictionary(), definition->ExportDictionary(), 1e-5, "after 50 steps");
}

TEST_P(TopkFamily, ARefusedBatchLeavesNoTraceInWhatFollows) {
  const SaeConfig& config = GetParam().config;
  const SaeTensors initial = *InitialParameters(config);
  const auto once = MakeSae(config, initial, Implementation::kFastest);
  const auto disturbed = MakeSae(config, initial, Implementation::kFastest);
  for (int t = 0; t < 8; ++t) {
    const at::Tensor input = MakeBatch(GetParam().rows, config.d_in, static_cast<uint64_t>(t));
    const at::Tensor target = TargetOf(config, input, t);
    ASSERT_TRUE(once->Step(input, target).ok());
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30f}) {
      at::Tensor bad_input = input.clone();
      bad_input[3][2] = bad;
      const auto refused = disturbed->Step(bad_input, config.transcoder ? target : bad_input);
      EXPECT_EQ(refused.status().code(), absl::StatusCode::kAborted) << refused.status();
      EXPECT_THAT(refused.status().message(), HasSubstr("step " + std::to_string(t + 1)));
    }
    ASSERT_TRUE(disturbed->Step(input, target).ok());
  }
  EXPECT_TRUE(SameBytes(once->ExportDictionary(), disturbed->ExportDictionary()));
}

INSTANTIATE_TEST_SUITE_P(Configs, TopkFamily, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

// Latents that are all alike make every selection a tie: those of the first rows of the batch win, then the first.
TEST(TopkFamilyTies, OfABatchAreWonByEarlierRowsThenLowerLatents) {
  SaeConfig config = FamilyConfig("batchtopk", Convention::kDictionaryLearning);
  config.latents = 8;
  config.k = 2;
  config.dead_after_tokens = 1;
  SaeTensors initial = *InitialParameters(config);
  initial.encoder_weight.zero_();
  initial.encoder_bias.fill_(1);
  for (const Implementation implementation : {Implementation::kFastest, Implementation::kDefinition}) {
    const auto sae = MakeSae(config, initial, implementation);
    const auto metrics = sae->Step(MakeBatch(33, config.d_in, 1));  // 66 places: 8 rows of 8 latents, then 2 latents.
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_EQ(metrics->l0, 2);
    EXPECT_EQ(metrics->dead_fraction, 0);
    const auto one_row_each = sae->Step(MakeBatch(2, config.d_in, 1));  // 4 places: latents 0 to 3 of row 0.
    ASSERT_TRUE(one_row_each.ok()) << one_row_each.status();
    EXPECT_EQ(one_row_each->dead_fraction, 0.5);
  }
}

// What a batch kept is a guess for the next one, and must not be more.
TEST(TopkFamilyGuess, BatchesOfOtherScalesAreSelectedFromAlike) {
  for (const std::string architecture : {"batchtopk", "matryoshka"}) {
    const SaeConfig config = FamilyConfig(architecture, Convention::kSaeLens);
    const SaeTensors initial = *InitialParameters(config);
    const auto kernels = MakeSae(config, initial, Implementation::kFastest);
    const auto definition = MakeSae(config, initial, Implementation::kDefinition);
    int t = 0;
    for (const double scale : {1.0, 0.01, 100.0, 0.5, 1e-3, 30.0}) {
      const at::Tensor batch = scale * MakeBatch(1100, config.d_in, static_cast<uint64_t>(++t));
      const auto a = kernels->Step(batch);
      const auto b = definition->Step(batch);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      EXPECT_NEAR(a->fvu, b->fvu, 1e-5 * b->fvu) << t;
      EXPECT_EQ(a->l0, b->l0) << t;
    }
    ExpectClose(kernels->ExportDictionary(), definition->ExportDictionary(), 1e-5, architecture);
  }
}

// The kernels do not depend on the number of threads; the encoder's product may, by rounding.
TEST(TopkFamilyThreads, TwoThreadsTrainWhatOneDoes) {
  const int before = at::get_num_threads();
  const absl::Cleanup restore = [before] { at::set_num_threads(before); };
  for (const std::string& architecture : FamilyNames()) {
    SaeConfig config = FamilyConfig(architecture, Convention::kDictionaryLearning);
    AddAuxiliary(&config);
    config.gradient_clip = 0.1;
    const auto train = [&](int threads) {
      at::set_num_threads(threads);
      const auto sae = MakeSae(config, *InitialParameters(config), Implementation::kFastest);
      for (int t = 0; t < 20; ++t) {
        EXPECT_TRUE(sae->Step(MakeBatch(128, config.d_in, static_cast<uint64_t>(t))).ok());
      }
      return sae->ExportDictionary();
    };
    ExpectClose(train(2), train(1), 1e-5, architecture + ": two threads against one");
  }
}

}  // namespace
}  // namespace seedbed
