#include "server/scheduler/expansion.h"

#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/sweep_validation.h"
#include "server/state/state.h"
#include "tests/server/support/sweep_builder.h"

namespace seedbed {
namespace {

using testing::ElementsAre;

ResolvedSweep Resolve(const v1::SweepSpec& spec) {
  ValidatedSweep validated = ValidateSweep(spec);
  EXPECT_TRUE(validated.violations.empty());
  return ResolveSweep(std::move(validated.spec), nullptr);
}

Expansion Expand(const v1::SweepSpec& spec, const std::string& sweep_id = "s1", int most_runs_per_gang = 64) {
  const ResolvedSweep resolved = Resolve(spec);
  EXPECT_TRUE(resolved.violations.empty());
  return ExpandSweep(resolved, sweep_id, {most_runs_per_gang});
}

v1::SweepSpec Grid() {
  v1::SweepSpec spec = DemoSweep(2);
  spec.mutable_sae()->add_hookpoints("layers.9.mlp");
  spec.mutable_sae()->add_latents(4608);
  spec.mutable_sae()->add_k(32);
  return spec;
}

TEST(Expansion, SeedsVaryFastestAndHookpointsSlowest) {
  const Expansion expansion = Expand(Grid());
  ASSERT_EQ(expansion.runs.size(), 16);
  std::vector<std::string> order;
  for (const v1::Run& run : expansion.runs) {
    order.push_back(absl::StrCat(run.run_id(), " ", run.sae().hookpoint(), " ", run.sae().latents(), " ", run.sae().k(),
                                 " ", run.sae().seed()));
  }
  EXPECT_EQ(order[0], "s1-r0 layers.9 512 16 0");
  EXPECT_EQ(order[1], "s1-r1 layers.9 512 16 1");
  EXPECT_EQ(order[2], "s1-r2 layers.9 512 32 0");
  EXPECT_EQ(order[4], "s1-r4 layers.9 4608 16 0");
  EXPECT_EQ(order[8], "s1-r8 layers.9.mlp 512 16 0");
  EXPECT_EQ(order[15], "s1-r15 layers.9.mlp 4608 32 1");
}

TEST(Expansion, SiblingsDifferInTheirSeedAlone) {
  const Expansion expansion = Expand(Grid());
  ASSERT_EQ(expansion.sibling_sets.size(), 8);
  EXPECT_THAT(expansion.sibling_sets[3].run_ids(), ElementsAre("s1-r6", "s1-r7"));
  for (int i = 0; i < 16; i += 2) {
    v1::SaeSpec first = expansion.runs[i].sae();
    v1::SaeSpec second = expansion.runs[i + 1].sae();
    EXPECT_NE(first.seed(), second.seed());
    first.clear_seed();
    second.clear_seed();
    EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
    EXPECT_EQ(expansion.runs[i].sibling_set_id(), absl::StrCat("s1-b", i / 2));
  }
}

// Each run as "hookpoint architecture latents k target_l0".
std::vector<std::string> Described(const Expansion& expansion) {
  std::vector<std::string> runs;
  for (const v1::Run& run : expansion.runs) {
    const v1::SaeSpec& sae = run.sae();
    runs.push_back(absl::StrCat(sae.hookpoint(), sae.target_hookpoint().empty() ? "" : ">", sae.target_hookpoint(), " ",
                                sae.architecture(), " ", sae.latents(), " ", sae.k(), " ", sae.target_l0()));
  }
  return runs;
}

TEST(Expansion, KAndTheTargetAreAxesOfTheArchitecturesThatHaveThem) {
  v1::SweepSpec spec = DemoSweep(1);
  for (const char* name : {"topk", "relu", "matryoshka"}) spec.mutable_sae()->add_architectures(name);
  spec.mutable_sae()->add_k(32);
  for (const double target : {16, 32, 64}) spec.mutable_sae()->add_target_l0(target);
  EXPECT_THAT(Described(Expand(spec)),
              ElementsAre("layers.9 topk 512 16 0", "layers.9 topk 512 32 0", "layers.9 relu 512 0 16",
                          "layers.9 relu 512 0 32", "layers.9 relu 512 0 64", "layers.9 matryoshka 512 16 0",
                          "layers.9 matryoshka 512 32 0"));
  spec.mutable_sae()->clear_target_l0();
  spec.mutable_sae()->clear_k();
  spec.mutable_sae()->add_k(16);
  EXPECT_THAT(Described(Expand(spec)),
              ElementsAre("layers.9 topk 512 16 0", "layers.9 relu 512 0 0", "layers.9 matryoshka 512 16 0"));
}

// The sweep of the page on the architecture.
TEST(Expansion, AGridOfThreeArchitecturesHasNoRunOfKTimesTarget) {
  v1::SweepSpec spec = Grid();
  spec.mutable_sae()->clear_k();
  spec.mutable_sae()->add_k(16);
  spec.mutable_sae()->add_target_l0(16);
  for (const char* name : {"topk", "relu", "gated"}) spec.mutable_sae()->add_architectures(name);
  const Expansion expansion = Expand(spec);
  EXPECT_EQ(expansion.sibling_sets.size(), 2 * 3 * 2);
  EXPECT_EQ(expansion.runs.size(), 2 * 3 * 2 * 2);
}

TEST(Expansion, TranscodersComeAfterHookpoints) {
  v1::SweepSpec spec = DemoSweep(1);
  spec.mutable_sae()->add_transcoders()->set_input("layers.9.mlp_in");
  spec.mutable_sae()->mutable_transcoders(0)->set_target("layers.9.mlp");
  EXPECT_THAT(Described(Expand(spec)),
              ElementsAre("layers.9 topk 512 16 0", "layers.9.mlp_in>layers.9.mlp topk 512 16 0"));
  spec.mutable_sae()->set_skip(true);
  EXPECT_TRUE(Expand(spec).runs[0].sae().skip());
  EXPECT_TRUE(Expand(spec).runs[1].sae().skip());
}

TEST(Expansion, EachRunHasTheDefaultsOfItsOwnConvention) {
  v1::SweepSpec spec = DemoSweep(1);
  spec.mutable_train()->clear_learning_rate();
  for (const char* name : {"topk", "jumprelu"}) spec.mutable_sae()->add_architectures(name);
  const Expansion expansion = Expand(spec);
  EXPECT_EQ(expansion.runs[0].sae().convention(), v1::CONVENTION_SPARSIFY);
  EXPECT_EQ(expansion.runs[0].sae().decay(), v1::LEARNING_RATE_DECAY_LINEAR);
  // 512 sequences of 255 rows; 8 epochs in batches of 256 are 4080 steps.
  EXPECT_EQ(expansion.runs[0].sae().warmup_steps(), 408);
  EXPECT_EQ(expansion.runs[0].sae().dead_after_tokens(), 130'560);
  EXPECT_EQ(expansion.runs[1].sae().convention(), v1::CONVENTION_SAELENS);
  EXPECT_EQ(expansion.runs[1].sae().decay(), v1::LEARNING_RATE_DECAY_CONSTANT);
  EXPECT_EQ(expansion.runs[1].sae().learning_rate(), 3e-4);
}

TEST(Expansion, IsASubmissionThatTheStateAccepts) {
  Expansion expansion = Expand(Grid(), "s1", 3);
  v1::Event event;
  event.set_number(1);
  event.set_sweep_id("s1");
  for (const v1::Run& run : expansion.runs) *event.mutable_sweep_submitted()->add_runs() = run;
  for (const v1::Gang& gang : expansion.gangs) *event.mutable_sweep_submitted()->add_gangs() = gang;
  for (const auto& set : expansion.sibling_sets) *event.mutable_sweep_submitted()->add_sibling_sets() = set;
  State state;
  EXPECT_TRUE(state.Apply(event).ok());
}

TEST(Expansion, ResolvesTheLearningRateByWidth) {
  v1::SweepSpec spec = Grid();
  spec.mutable_train()->clear_learning_rate();
  const Expansion expansion = Expand(spec);
  EXPECT_DOUBLE_EQ(expansion.runs[0].sae().learning_rate(), 2e-4 / std::sqrt(512.0 / 16384.0));
  EXPECT_DOUBLE_EQ(expansion.runs[4].sae().learning_rate(), 2e-4 / std::sqrt(4608.0 / 16384.0));
  EXPECT_DOUBLE_EQ(Expand(Grid()).runs[4].sae().learning_rate(), 0.003);
}

TEST(Expansion, CountsWholeSequencesRowsAndSteps) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_data()->set_max_tokens(131'072 + 255);
  const v1::StreamSpec stream = Expand(spec).gangs[0].stream();
  EXPECT_EQ(stream.sequences(), 512);
  EXPECT_EQ(stream.tokens(0).sequences(), 512);
  EXPECT_EQ(stream.rows_per_epoch(), 512 * 255);
  EXPECT_EQ(StepsPerRun(stream), 8 * 512 * 255 / 256);
}

TEST(Expansion, ResolvesTheStreamWithItsConstants) {
  const v1::StreamSpec stream = Expand(DemoSweep()).gangs[0].stream();
  EXPECT_EQ(stream.model_path(), "/models/smollm2-135m");
  EXPECT_EQ(stream.tokens(0).path(), "/data/gcide.bin");
  EXPECT_EQ(stream.order(), v1::SEQUENCE_ORDER_SHUFFLED);
  EXPECT_EQ(stream.exclude_first(), 1);
  EXPECT_EQ(stream.epochs(), 8);
  EXPECT_EQ(stream.normalize(), v1::NORMALIZATION_NONE);
  EXPECT_EQ(stream.normalize_rows(), 0);
  EXPECT_FALSE(stream.has_padding_token());
  EXPECT_EQ(stream.micro_batch_sequences(), 8);
  EXPECT_EQ(stream.block_micro_batches(), 8);
}

TEST(Expansion, TheStreamKeyFollowsFromTheStreamAlone) {
  const std::string key = Expand(DemoSweep()).gangs[0].stream_key();
  EXPECT_EQ(key.size(), 64);
  EXPECT_EQ(Expand(Grid(), "s7").gangs[0].stream_key(), key) << "hookpoints, widths, k and seeds do not change it";
  const std::vector<std::function<void(v1::SweepSpec&)>> changes = {
      [](v1::SweepSpec& s) { s.mutable_model()->set_path("/models/other"); },
      [](v1::SweepSpec& s) { s.mutable_data()->mutable_tokens(0)->set_path("/data/other.bin"); },
      [](v1::SweepSpec& s) { s.mutable_data()->set_seed(1); },
      [](v1::SweepSpec& s) { s.mutable_data()->set_order(v1::SEQUENCE_ORDER_SEQUENTIAL); },
      [](v1::SweepSpec& s) { s.mutable_data()->set_max_tokens(100'000); },
      [](v1::SweepSpec& s) { s.mutable_activations()->set_exclude_first(2); },
      [](v1::SweepSpec& s) { s.mutable_activations()->set_shuffle_rows(1); },
      [](v1::SweepSpec& s) { s.mutable_model()->set_dtype(v1::FLOAT_TYPE_BFLOAT16); },
      [](v1::SweepSpec& s) { s.mutable_activations()->set_dtype(v1::FLOAT_TYPE_FLOAT16); },
      [](v1::SweepSpec& s) { s.mutable_activations()->add_exclude_tokens(3); },
      [](v1::SweepSpec& s) { s.mutable_data()->set_padding_token(0); },
      [](v1::SweepSpec& s) { s.mutable_activations()->set_normalize(v1::NORMALIZATION_MEAN_SQUARE); },
      [](v1::SweepSpec& s) {
        s.mutable_activations()->set_normalize(v1::NORMALIZATION_MEAN_SQUARE);
        s.mutable_activations()->set_normalize_rows(100);
      },
      [](v1::SweepSpec& s) { s.mutable_data()->add_tokens()->set_path("/data/second.bin"); },
      [](v1::SweepSpec& s) {
        s.mutable_data()->add_tokens()->set_path("/data/second.bin");
        s.mutable_data()->mutable_tokens(1)->set_weight(3);
      },
      [](v1::SweepSpec& s) { s.mutable_train()->set_epochs(9); },
      [](v1::SweepSpec& s) { s.mutable_train()->set_batch_tokens(255); },
  };
  std::set<std::string> keys = {key};
  for (const auto& change : changes) {
    v1::SweepSpec spec = DemoSweep();
    change(spec);
    keys.insert(Expand(spec).gangs[0].stream_key());
  }
  EXPECT_EQ(keys.size(), changes.size() + 1);
}

TEST(Expansion, ACacheIsTheGangsAndNoPartOfTheStream) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_activations()->mutable_cache()->set_dir("/cache");
  spec.mutable_activations()->mutable_cache()->set_max_bytes(1 << 30);
  const v1::Gang gang = Expand(spec).gangs[0];
  EXPECT_EQ(gang.cache().dir(), "/cache");
  EXPECT_EQ(gang.stream_key(), Expand(DemoSweep()).gangs[0].stream_key());
  EXPECT_FALSE(Expand(DemoSweep()).gangs[0].has_cache());
}

TEST(Expansion, CheckpointsAreTheGangsUnlessBothAreOff) {
  v1::SweepSpec spec = DemoSweep();
  EXPECT_EQ(Expand(spec).gangs[0].checkpoint().every_minutes(), 10);
  spec.mutable_checkpoint()->set_every_minutes(0);
  EXPECT_FALSE(Expand(spec).gangs[0].has_checkpoint());
  spec.mutable_checkpoint()->set_every_tokens(5000);
  EXPECT_EQ(Expand(spec).gangs[0].checkpoint().every_tokens(), 5000);
}

TEST(Expansion, ExcludedTokensStandInOrderWhateverTheUsersOrder) {
  v1::SweepSpec spec = DemoSweep();
  for (const int64_t token : {7, 0, 3}) spec.mutable_activations()->add_exclude_tokens(token);
  EXPECT_THAT(Expand(spec).gangs[0].stream().exclude_tokens(), ElementsAre(0, 3, 7));
}

TEST(Expansion, PacksGangsAndCarriesTheRanksWanted) {
  v1::SweepSpec spec = Grid();
  EXPECT_EQ(Expand(spec).gangs.size(), 1);
  EXPECT_EQ(Expand(spec).gangs[0].ranks_wanted(), 0);
  spec.mutable_resources()->set_ranks(4);
  const Expansion expansion = Expand(spec, "s1", 5);
  ASSERT_EQ(expansion.gangs.size(), 4);
  EXPECT_THAT(expansion.gangs[1].run_ids(), ElementsAre("s1-r4", "s1-r5", "s1-r6", "s1-r7"));
  EXPECT_EQ(expansion.gangs[1].ranks_wanted(), 4);
  EXPECT_EQ(expansion.runs[5].gang_id(), "s1-g1");
}

TEST(Expansion, ASweepThatIsOnlyTriedHasShortIds) {
  const Expansion expansion = Expand(DemoSweep(), "");
  EXPECT_EQ(expansion.runs[2].run_id(), "r2");
  EXPECT_EQ(expansion.gangs[0].gang_id(), "g0");
  EXPECT_EQ(expansion.sibling_sets[0].sibling_set_id(), "b0");
}

TEST(Expansion, TenThousandRuns) {
  v1::SweepSpec spec = DemoSweep(100);
  spec.mutable_sae()->clear_k();
  for (int k = 1; k <= 100; ++k) spec.mutable_sae()->add_k(k);
  const Expansion expansion = Expand(spec);
  EXPECT_EQ(expansion.runs.size(), 10'000);
  EXPECT_EQ(expansion.sibling_sets.size(), 100);
  // 100 siblings do not fit in a gang of 64: each set takes one gang of 64 and one of 36.
  EXPECT_EQ(expansion.gangs.size(), 200);
}

}  // namespace
}  // namespace seedbed
