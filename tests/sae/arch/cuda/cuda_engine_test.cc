// Steps of the topk family by the GPU's kernels against the definition on the same GPU and against the CPU's kernels.
#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ops/equal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/arch/cuda/gpu_test.h"
#include "tests/sae/arch/sae_fixtures.h"
#include "tests/sae/arch/topk_family_configs.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<TrainableSae> OnGpu(const SaeConfig& config, const SaeTensors& initial,
                                    Implementation implementation = Implementation::kFastest) {
  return MakeSaeFrom(config, initial, Start::kFromData, Gpu(), implementation);
}

void MakeSkipTranscoder(SaeConfig* config) {
  MakeTranscoder(config);
  config->skip = true;
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
      {"skip", [](SaeConfig* config) { config->skip = true; }},
      {"skip_transcoder", &MakeSkipTranscoder},
      {"clip_auxiliary_skip_transcoder",
       [](SaeConfig* config) {
         MakeSkipTranscoder(config);
         AddAuxiliary(config);
         config->gradient_clip = 0.05;
       }},
      {"signum_auxiliary",
       [](SaeConfig* config) {
         AddAuxiliary(config);
         UseSignum(config);
       }},
  };
}

struct Case {
  std::string name;
  SaeConfig config;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const std::string architecture : {"topk", "batchtopk", "matryoshka"}) {
    for (const Convention convention : (*FindArchitecture(architecture))->conventions) {
      for (const Variation& variation : Variations()) {
        SaeConfig config = FamilyConfig(architecture, convention);
        variation.apply(&config);
        cases.push_back({architecture + "_" + NameOf(convention) + "_" + variation.name, config});
      }
    }
  }
  SaeConfig multi_topk = FamilyConfig("topk", Convention::kSparsify);
  multi_topk.multi_topk = true;
  cases.push_back({"topk_multi_topk", multi_topk});
  return cases;
}

// A batch on both devices.
struct TwoBatches {
  at::Tensor input;
  at::Tensor target;
  at::Tensor gpu_input;
  at::Tensor gpu_target;
};

TwoBatches MakeBatches(const SaeConfig& config, int64_t rows, int t) {
  TwoBatches batches;
  batches.input = MakeBatch(rows, config.d_in, static_cast<uint64_t>(t));
  batches.target = config.transcoder ? MakeBatch(rows, config.d_out, 1000 + static_cast<uint64_t>(t)) : batches.input;
  batches.gpu_input = batches.input.to(Gpu());
  batches.gpu_target = config.transcoder ? batches.target.to(Gpu()) : batches.gpu_input;
  return batches;
}

class CudaEngine : public GpuTestOf<testing::TestWithParam<Case>> {};

// The tolerances are those of the CPU's kernels (topk_family_test.cc).
TEST_P(CudaEngine, AgreesWithTheDefinitionAndWithTheCpu) {
  const SaeConfig& config = GetParam().config;
  const SaeTensors initial = *InitialParameters(config);
  const auto kernels = OnGpu(config, initial);
  const auto definition = OnGpu(config, initial, Implementation::kDefinition);
  const auto cpu = MakeSae(config, initial, Implementation::kFastest);
  double auxiliary = 0;
  for (int t = 0; t < 20; ++t) {
    const TwoBatches batches = MakeBatches(config, 64, t);
    const auto a = kernels->Step(batches.gpu_input, batches.gpu_target);
    const auto b = definition->Step(batches.gpu_input, batches.gpu_target);
    const auto c = cpu->Step(batches.input, batches.target);
    ASSERT_TRUE(a.ok() && b.ok() && c.ok()) << a.status() << b.status() << c.status();
    for (const StepMetrics& other : {*b, *c}) {
      ASSERT_NEAR(a->fvu, other.fvu, 1e-5 * other.fvu) << t;
      ASSERT_NEAR(a->loss, other.loss, 1e-5 * other.loss) << t;
      ASSERT_NEAR(a->auxiliary_loss, other.auxiliary_loss, 1e-5 * other.auxiliary_loss) << t;
      ASSERT_EQ(a->l0, other.l0) << t;
      ASSERT_EQ(a->dead_fraction, other.dead_fraction) << t;
    }
    auxiliary += a->auxiliary_loss;
    if (t == 2) {
      ExpectClose(kernels->ExportDictionary(), definition->ExportDictionary(), 1e-5, "definition, 3 steps");
      ExpectClose(kernels->ExportDictionary(), cpu->ExportDictionary(), 1e-5, "CPU, 3 steps");
    }
  }
  EXPECT_EQ(auxiliary > 0, config.auxiliary_alpha > 0);
  ExpectClose(kernels->ExportDictionary(), definition->ExportDictionary(), 1e-5, "definition, 20 steps");
}

TEST_P(CudaEngine, ARefusedBatchLeavesNoTraceInWhatFollows) {
  const SaeConfig& config = GetParam().config;
  const SaeTensors initial = *InitialParameters(config);
  const auto once = OnGpu(config, initial);
  const auto disturbed = OnGpu(config, initial);
  for (int t = 0; t < 6; ++t) {
    const TwoBatches batches = MakeBatches(config, 64, t);
    ASSERT_TRUE(once->Step(batches.gpu_input, batches.gpu_target).ok());
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30f}) {
      at::Tensor bad_input = batches.gpu_input.clone();
      bad_input[3][2] = bad;
      const auto refused = disturbed->Step(bad_input, config.transcoder ? batches.gpu_target : bad_input);
      EXPECT_EQ(refused.status().code(), absl::StatusCode::kAborted) << refused.status();
      EXPECT_THAT(refused.status().message(), HasSubstr("step " + std::to_string(t + 1)));
    }
    ASSERT_TRUE(disturbed->Step(batches.gpu_input, batches.gpu_target).ok());
  }
  EXPECT_TRUE(SameBytes(once->ExportDictionary(), disturbed->ExportDictionary()));
}

// Siblings that are all launched before one is waited for, as a rank does it.
TEST_P(CudaEngine, SiblingsLaunchedTogetherTrainAsEachAlone) {
  const SaeConfig& config = GetParam().config;
  std::vector<std::unique_ptr<TrainableSae>> together;
  std::vector<std::unique_ptr<TrainableSae>> alone;
  for (uint64_t seed = 3; seed < 6; ++seed) {
    SaeConfig sibling = config;
    sibling.seed = seed;
    together.push_back(OnGpu(sibling, *InitialParameters(sibling)));
    alone.push_back(OnGpu(sibling, *InitialParameters(sibling)));
  }
  for (int t = 0; t < 6; ++t) {
    const TwoBatches batches = MakeBatches(config, t == 4 ? 40 : 64, t);
    for (const auto& sae : together) sae->Launch(batches.gpu_input, batches.gpu_target);
    for (const auto& sae : together) ASSERT_TRUE(sae->Step(batches.gpu_input, batches.gpu_target).ok());
    for (const auto& sae : alone) ASSERT_TRUE(sae->Step(batches.gpu_input, batches.gpu_target).ok());
  }
  for (size_t i = 0; i < together.size(); ++i) {
    EXPECT_TRUE(SameBytes(together[i]->ExportDictionary(), alone[i]->ExportDictionary())) << i;
  }
}

TEST_P(CudaEngine, GoesOnFromASavedStateByteForByte) {
  for (const ComputeType compute : {ComputeType::kFloat32, ComputeType::kBfloat16}) {
    SaeConfig config = GetParam().config;
    config.compute = compute;
    const SaeTensors initial = *InitialParameters(config);
    const auto undisturbed = OnGpu(config, initial);
    const auto resumed = OnGpu(config, initial);
    StateTensors saved;
    for (int t = 0; t < 14; ++t) {
      if (t == 7) {
        CopyState(undisturbed->State(), &saved);
        const absl::Status restored = resumed->Restore(saved);
        ASSERT_TRUE(restored.ok()) << restored;
      }
      const TwoBatches batches = MakeBatches(config, 64, t);
      ASSERT_TRUE(undisturbed->Step(batches.gpu_input, batches.gpu_target).ok());
      if (t >= 7) {
        ASSERT_TRUE(resumed->Step(batches.gpu_input, batches.gpu_target).ok());
      }
    }
    const StateTensors expected = undisturbed->State();
    for (const auto& [name, tensor] : resumed->State()) EXPECT_TRUE(at::equal(tensor, expected.at(name))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Configs, CudaEngine, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

using CudaEngineEdges = GpuTest;

TEST_F(CudaEngineEdges, EveryLatentCanBeKept) {
  for (const std::string architecture : {"topk", "batchtopk"}) {
    SaeConfig config = FamilyConfig(architecture, Convention::kDictionaryLearning);
    config.k = config.latents;
    const SaeTensors initial = *InitialParameters(config);
    const auto kernels = OnGpu(config, initial);
    const auto cpu = MakeSae(config, initial, Implementation::kFastest);
    for (int t = 0; t < 3; ++t) {
      const TwoBatches batches = MakeBatches(config, 33, t);
      const auto a = kernels->Step(batches.gpu_input);
      const auto b = cpu->Step(batches.input);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      EXPECT_EQ(a->l0, b->l0);
    }
    ExpectClose(kernels->ExportDictionary(), cpu->ExportDictionary(), 1e-5, architecture);
  }
}

TEST_F(CudaEngineEdges, ABatchWithoutAnActivationIsAStep) {
  for (const std::string architecture : {"topk", "batchtopk", "matryoshka"}) {
    const SaeConfig config = FamilyConfig(architecture, Convention::kDictionaryLearning);
    SaeTensors initial = *InitialParameters(config);
    initial.encoder_bias.fill_(-1e6);
    const auto metrics = OnGpu(config, initial)->Step(MakeBatches(config, 17, 0).gpu_input);
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_EQ(metrics->l0, 0);
    EXPECT_NEAR(metrics->fvu, 1, 1e-5);
  }
}

// 131,072 latents leave a tile room for 1,024 rows.
TEST_F(CudaEngineEdges, ABatchOfSeveralTilesIsOneBatch) {
  for (const std::string architecture : {"topk", "batchtopk"}) {
    SaeConfig config = FamilyConfig(architecture, Convention::kDictionaryLearning);
    config.latents = 131072;
    config.seed = 4;
    const SaeTensors initial = *InitialParameters(config);
    const auto kernels = OnGpu(config, initial);
    const auto definition = OnGpu(config, initial, Implementation::kDefinition);
    for (int t = 0; t < 2; ++t) {
      const at::Tensor batch = MakeBatch(1100, config.d_in, static_cast<uint64_t>(t)).to(Gpu());
      const auto a = kernels->Step(batch);
      const auto b = definition->Step(batch);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      EXPECT_NEAR(a->fvu, b->fvu, 1e-4 * b->fvu);
      EXPECT_NEAR(a->l0, b->l0, 1e-9);
    }
  }
}

// A product in bfloat16 has 8 bits, one in TF32 11; a few latents at the edge of a selection change places.
TEST_F(CudaEngineEdges, RoundedProductsTrainNearlyTheSame) {
  struct Compute {
    ComputeType type;
    double bound;
  };
  for (const Compute& compute : {Compute{ComputeType::kBfloat16, 2e-2}, Compute{ComputeType::kTf32, 5e-3}}) {
    for (const std::string architecture : {"topk", "batchtopk"}) {
      SaeConfig config = FamilyConfig(architecture, Convention::kDictionaryLearning);
      const SaeTensors initial = *InitialParameters(config);
      const auto exact = OnGpu(config, initial);
      config.compute = compute.type;
      const auto rounded = OnGpu(config, initial);
      for (int t = 0; t < 20; ++t) {
        const at::Tensor batch = MakeBatches(config, 64, t).gpu_input;
        const auto a = rounded->Step(batch);
        const auto b = exact->Step(batch);
        ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
        EXPECT_NEAR(a->fvu, b->fvu, compute.bound * b->fvu) << architecture << " " << t;
        EXPECT_EQ(a->l0, b->l0);
      }
    }
  }
}

TEST_F(CudaEngineEdges, ABatchWithTooManyPlacesIsRefused) {
  SaeConfig config = FamilyConfig("batchtopk", Convention::kDictionaryLearning);
  config.d_in = 2;
  config.latents = config.k = 1 << 20;
  const auto refused = OnGpu(config, *InitialParameters(config))->Step(MakeBatch(1000, 2, 0).to(Gpu()));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr("the batch has 1000 rows, allowed with k 1048576"));
}

}  // namespace
}  // namespace seedbed
