#include "worker/trainer/trainer_plan.h"

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::TrainerSpec GoodSpec() {
  v1::TrainerSpec spec;
  spec.set_world_size(1);
  spec.set_threads(1);
  spec.set_device("cpu");
  v1::GangSpec* gang = spec.mutable_gang();
  gang->set_sweep_id("s1");
  gang->set_gang_id("g1");
  v1::StreamSpec* stream = gang->mutable_stream();
  stream->add_tokens()->set_path("/data/tokens.bin");
  stream->set_sequence_length(16);
  stream->set_sequences(10);
  stream->set_order(v1::SEQUENCE_ORDER_SHUFFLED);
  stream->set_seed(5);
  stream->set_exclude_first(1);
  stream->set_shuffle_rows(64);
  stream->set_epochs(2);
  stream->set_batch_tokens(32);
  stream->set_micro_batch_sequences(2);
  stream->set_block_micro_batches(4);
  return spec;
}

v1::SaeSpec* AddRun(v1::TrainerSpec& spec, const std::string& run_id, const std::string& hookpoint, int64_t latents) {
  v1::RunAssignment* run = spec.mutable_gang()->add_runs();
  run->set_run_id(run_id);
  v1::SaeSpec* sae = run->mutable_sae();
  sae->set_hookpoint(hookpoint);
  sae->set_architecture("topk");
  sae->set_latents(latents);
  sae->set_k(4);
  sae->set_learning_rate(0.1);
  sae->set_warmup_steps(3);
  sae->set_decay(v1::LEARNING_RATE_DECAY_LINEAR);
  sae->set_convention(v1::CONVENTION_SPARSIFY);
  sae->mutable_optimizer()->set_kind(v1::OPTIMIZER_KIND_ADAM);
  sae->set_decoder_bias(v1::DECODER_BIAS_START_MEAN);
  sae->set_compute(v1::COMPUTE_TYPE_FLOAT32);
  sae->set_dead_after_tokens(100);
  return sae;
}

TEST(TrainerPlanTest, TranslatesStreamAndTraining) {
  v1::TrainerSpec spec = GoodSpec();
  AddRun(spec, "r1", "layers.1", 64)->set_seed(7);
  const absl::StatusOr<TrainerPlan> plan = MakeTrainerPlan(spec);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->stream.shuffled);
  EXPECT_EQ(plan->stream.rows_per_epoch(), 150);
  const SaeConfig& sae = plan->runs[0].sae;
  EXPECT_EQ(sae.latents, 64);
  EXPECT_EQ(sae.seed, 7);
  EXPECT_EQ(sae.learning_rate.total_steps, 2 * 150 / 32);
  EXPECT_EQ(sae.learning_rate.warmup_steps, 3);
  EXPECT_EQ(sae.dead_after_tokens, 100);
}

TEST(TrainerPlanTest, NumbersHookpointsAndDealsRunsByLatents) {
  v1::TrainerSpec spec = GoodSpec();
  spec.set_world_size(3);
  spec.set_collective_timeout_ms(1000);
  AddRun(spec, "r1", "layers.1.mlp", 64);
  AddRun(spec, "r2", "layers.0", 128);
  AddRun(spec, "r3", "layers.1.mlp", 64);
  const absl::StatusOr<TrainerPlan> plan = MakeTrainerPlan(spec);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->hookpoints[0].ToString(), "layers.1.mlp");
  EXPECT_EQ(plan->hookpoints[1].ToString(), "layers.0");
  EXPECT_EQ(plan->hookpoints.size(), 2);
  EXPECT_EQ(plan->runs[1].rank, 0);
  EXPECT_THAT(plan->HostedHookpoints(), ElementsAre(ElementsAre(1), ElementsAre(0), ElementsAre(0)));

  spec.set_world_size(4);
  EXPECT_THAT(MakeTrainerPlan(spec)->HostedHookpoints()[3], IsEmpty());
}

TEST(TrainerPlanTest, BothEndsOfATranscoderAreHosted) {
  v1::TrainerSpec spec = GoodSpec();
  spec.set_world_size(2);
  spec.set_collective_timeout_ms(1000);
  AddRun(spec, "r1", "layers.1.mlp", 128);
  AddRun(spec, "r2", "layers.1.mlp_in", 64)->set_target_hookpoint("layers.1.mlp");
  const absl::StatusOr<TrainerPlan> plan = MakeTrainerPlan(spec);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->runs[0].input, 0);
  EXPECT_EQ(plan->runs[0].target, 0);
  EXPECT_FALSE(plan->runs[0].sae.transcoder);
  EXPECT_EQ(plan->runs[1].input, 1);
  EXPECT_EQ(plan->runs[1].target, 0);
  EXPECT_TRUE(plan->runs[1].sae.transcoder);
  EXPECT_THAT(plan->HostedHookpoints(), ElementsAre(ElementsAre(0), ElementsAre(0, 1)));
}

TEST(TrainerPlanTest, DealDoesNotDependOnTheRankThatAsks) {
  v1::TrainerSpec spec = GoodSpec();
  spec.set_world_size(2);
  spec.set_collective_timeout_ms(1000);
  AddRun(spec, "r1", "layers.1", 64);
  AddRun(spec, "r2", "layers.0", 128);
  const auto hosted = MakeTrainerPlan(spec)->HostedHookpoints();
  spec.set_rank(1);
  EXPECT_EQ(MakeTrainerPlan(spec)->HostedHookpoints(), hosted);
}

TEST(TrainerPlanTest, WrongFieldsAreNamed) {
  const auto message_with = [](const std::function<void(v1::TrainerSpec&)>& change) {
    v1::TrainerSpec spec = GoodSpec();
    AddRun(spec, "r1", "layers.1", 64);
    change(spec);
    const absl::Status status = MakeTrainerPlan(spec).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  const auto sae = [](v1::TrainerSpec& spec) { return spec.mutable_gang()->mutable_runs(0)->mutable_sae(); };
  EXPECT_THAT(message_with([&](auto& s) { sae(s)->set_hookpoint("layer.1"); }), HasSubstr("layer.1"));
  EXPECT_THAT(message_with([&](auto& s) { sae(s)->set_target_hookpoint("layer.2"); }), HasSubstr("layer.2"));
  EXPECT_THAT(message_with([&](auto& s) { sae(s)->clear_decay(); }), HasSubstr("run r1: sae.decay"));
  EXPECT_THAT(message_with([](auto& s) { s.mutable_gang()->mutable_stream()->clear_order(); }),
              HasSubstr("stream.order"));
  EXPECT_THAT(message_with([](auto& s) { s.mutable_gang()->mutable_stream()->set_batch_tokens(0); }),
              HasSubstr("batch_tokens is 0"));
  EXPECT_THAT(message_with([](auto& s) { s.mutable_gang()->mutable_runs(0)->set_run_id("../r1"); }),
              HasSubstr("run_id is \"../r1\""));
  EXPECT_THAT(message_with([](auto& s) { s.mutable_gang()->set_sweep_id(""); }), HasSubstr("sweep_id"));
  EXPECT_THAT(message_with([](auto& s) { s.mutable_gang()->mutable_checkpoint(); }), HasSubstr("gang.checkpoint"));
  EXPECT_THAT(message_with([](auto& s) {
                s.mutable_gang()->mutable_checkpoint()->set_every_minutes(1);
                s.mutable_gang()->set_gang_id("a/b");
              }),
              HasSubstr("gang.gang_id is \"a/b\""));
  EXPECT_THAT(message_with([](auto& s) { s.mutable_gang()->clear_runs(); }), HasSubstr("gang.runs is empty"));
  EXPECT_THAT(message_with([](auto& s) { s.set_rank(1); }), HasSubstr("rank is 1 of world_size 1"));
  EXPECT_THAT(message_with([](auto& s) { s.set_threads(0); }), HasSubstr("threads is 0"));
  EXPECT_THAT(message_with([](auto& s) { s.set_world_size(2); }), HasSubstr("collective_timeout_ms"));
}

}  // namespace
}  // namespace seedbed
