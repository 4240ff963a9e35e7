// An SAE that goes on from another one's saved state leaves the bytes that the other one would have left.
#include <memory>
#include <string>
#include <vector>

#include "ATen/ops/equal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/arch/registry.h"
#include "sae/arch/trainable_sae.h"
#include "tests/sae/arch/sae_fixtures.h"
#include "tests/sae/arch/topk_family_configs.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Case {
  std::string name;
  SaeConfig config;
  Implementation implementation;
};

bool IsPenalised(const std::string& architecture) {
  return architecture == "relu" || architecture == "gated" || architecture == "jumprelu";
}

// So many latents that the topk family screens them.
void ScreenLatents(SaeConfig* config) {
  config->latents = 2048;
  config->group_sizes = {512, 512, 1024};
}

void SteerSparsity(SaeConfig* config) {
  if (!IsPenalised(config->architecture)) return;
  config->target_l0 = 12;
  config->sparsity_warmup_steps = 7;
}

std::vector<Variation> Variations() {
  return {{"plain", [](SaeConfig*) {}},
          {"auxiliary", &AddAuxiliary},
          {"signum", &UseSignum},
          {"screened", &ScreenLatents},
          {"steered", &SteerSparsity},
          {"clipped_skip_transcoder", [](SaeConfig* config) {
             MakeTranscoder(config);
             config->skip = true;
             config->gradient_clip = 0.05;
           }}};
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const Architecture& architecture : Architectures()) {
    for (const Convention convention : architecture.conventions) {
      for (const Variation& variation : Variations()) {
        SaeConfig config = FamilyConfig(architecture.name, convention);
        variation.apply(&config);
        const std::string name = architecture.name + "_" + NameOf(convention) + "_" + variation.name;
        cases.push_back({name, config, Implementation::kFastest});
        if (variation.name != "screened") {
          cases.push_back({name + "_definition", config, Implementation::kDefinition});
        }
      }
    }
  }
  return cases;
}

class SaeState : public testing::TestWithParam<Case> {
 protected:
  std::unique_ptr<TrainableSae> Make() const {
    return MakeSae(config_, *InitialParameters(config_), GetParam().implementation);
  }

  // Steps [first, last).
  void Train(TrainableSae& sae, int first, int last) const {
    for (int t = first; t < last; ++t) {
      const at::Tensor input = MakeBatch(96, config_.d_in, static_cast<uint64_t>(t));
      const at::Tensor target =
          config_.transcoder ? MakeBatch(96, config_.target_width(), 1000 + static_cast<uint64_t>(t)) : input;
      const absl::StatusOr<StepMetrics> metrics = sae.Step(input, target);
      ASSERT_TRUE(metrics.ok()) << metrics.status();
    }
  }

  const SaeConfig& config_ = GetParam().config;
};

void ExpectSameBytes(const StateTensors& a, const StateTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    ASSERT_EQ(b.count(name), 1u) << name;
    EXPECT_TRUE(at::equal(tensor, b.at(name))) << name;
  }
}

TEST_P(SaeState, GoesOnByteForByte) {
  constexpr int kBefore = 9;
  constexpr int kAfter = 12;
  const auto undisturbed = Make();
  Train(*undisturbed, 0, kBefore);
  StateTensors saved;
  CopyState(undisturbed->State(), &saved);
  Train(*undisturbed, kBefore, kBefore + kAfter);

  const auto resumed = Make();
  const absl::Status restored = resumed->Restore(saved);
  ASSERT_TRUE(restored.ok()) << restored;
  EXPECT_EQ(resumed->steps(), kBefore);
  Train(*resumed, kBefore, kBefore + kAfter);
  ExpectSameBytes(undisturbed->State(), resumed->State());
  EXPECT_TRUE(SameBytes(undisturbed->ExportDictionary(), resumed->ExportDictionary()));
}

TEST_P(SaeState, ChangesWithEveryStep) {
  const auto sae = Make();
  Train(*sae, 0, 1);
  StateTensors before;
  CopyState(sae->State(), &before);
  Train(*sae, 1, 2);
  const StateTensors after = sae->State();
  for (const char* name : {"steps", "optimizer.step", "engine.decoder_weight.value", "engine.decoder_weight.moment1"}) {
    EXPECT_FALSE(at::equal(before.at(name), after.at(name))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Everything, SaeState, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

TEST(SaeStateErrors, NamesTheTensorThatDoesNotFitAndChangesNothing) {
  const SaeConfig config = SmallConfig();
  const auto sae = *MakeTrainableSae(config, "cpu");
  ASSERT_TRUE(sae->Step(MakeBatch(64, config.d_in, 1)).ok());
  StateTensors before;
  CopyState(sae->State(), &before);

  StateTensors other = before;
  other.erase("engine.encoder_bias.moment2");
  EXPECT_THAT(sae->Restore(other).message(), AllOf(HasSubstr("engine.encoder_bias.moment2"), HasSubstr("missing")));
  other = before;
  other["engine.skip_weight.value"] = other.at("engine.encoder_weight.value");
  EXPECT_THAT(sae->Restore(other).message(), HasSubstr("engine.skip_weight.value"));
  SaeConfig larger = config;
  larger.latents = 60;
  const absl::Status status = (*MakeTrainableSae(larger, "cpu"))->Restore(before);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("[50"), HasSubstr("[60")));
  ExpectSameBytes(before, sae->State());
}

TEST(CopyState, UsesMemoryAgainWhereTheShapeIsTheSame) {
  const auto sae = *MakeTrainableSae(SmallConfig(), "cpu");
  StateTensors copy;
  CopyState(sae->State(), &copy);
  const void* const first = copy.at("engine.encoder_weight.value").const_data_ptr();
  ASSERT_TRUE(sae->Step(MakeBatch(64, SmallConfig().d_in, 1)).ok());
  CopyState(sae->State(), &copy);
  EXPECT_EQ(copy.at("engine.encoder_weight.value").const_data_ptr(), first);
  ExpectSameBytes(copy, sae->State());
}

}  // namespace
}  // namespace seedbed
