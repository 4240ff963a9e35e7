#include "server/scheduler/gang_estimate.h"

#include "gtest/gtest.h"
#include "server/scheduler/forecast.h"

namespace seedbed {
namespace {

constexpr ModelSize kModel = {/*d_model=*/100, /*parameters=*/50'000 + 12 * 120'000, /*layers=*/12, /*vocabulary=*/500};

v1::StreamSpec Stream() {
  v1::StreamSpec stream;
  stream.set_sequence_length(64);
  stream.set_sequences(1000);
  stream.set_shuffle_rows(1000);
  stream.set_batch_tokens(32);
  stream.set_epochs(1);
  stream.set_rows_per_epoch(64'000);
  stream.set_micro_batch_sequences(8);
  stream.set_block_micro_batches(8);
  return stream;
}

v1::SaeSpec Sae(const std::string& hookpoint, const std::string& architecture = "topk") {
  v1::SaeSpec sae;
  sae.set_hookpoint(hookpoint);
  sae.set_architecture(architecture);
  sae.set_latents(1000);
  sae.set_k(10);
  return sae;
}

TEST(GangEstimate, FollowsItsFormulas) {
  const v1::SaeSpec first = Sae("layers.2.mlp");
  const v1::SaeSpec second = Sae("layers.5");
  const v1::GangEstimate estimate = *EstimateGang(kModel, Stream(), {&first, &second});
  const int64_t up_to_layer_5 = 6 * 120'000;
  EXPECT_EQ(estimate.model_bytes(), 4 * (up_to_layer_5 + 500 * 100) + 64 * 100 * 512);
  EXPECT_EQ(estimate.stream_bytes(), 2 * 100 * (4 * 4096 + 4 * (1000 + 2 * 32)));
  const int64_t run = 16 * (2 * 1000 * 100 + 1000 + 100) + 8 * 32 * (100 + 10);
  EXPECT_EQ(estimate.runs_bytes(), 2 * run);
  EXPECT_EQ(estimate.largest_run_bytes(), run);
  EXPECT_DOUBLE_EQ(estimate.model_flops(), 2.0 * up_to_layer_5 * 64'000);
  EXPECT_DOUBLE_EQ(estimate.steps_flops(), 2 * 2000.0 * (2.0 * 32 * 1000 * 100 + 16.0 * 32 * 10 * 100));
}

TEST(GangEstimate, DenseArchitecturesNeedMore) {
  const v1::SaeSpec sparse = Sae("layers.0");
  const v1::SaeSpec dense = Sae("layers.0", "gated");
  EXPECT_GT(RunBytes(kModel, Stream(), dense), RunBytes(kModel, Stream(), sparse));
  EXPECT_GT(EstimateGang(kModel, Stream(), {&dense})->steps_flops(),
            4 * EstimateGang(kModel, Stream(), {&sparse})->steps_flops());
}

TEST(GangEstimate, AFolderNeedsNoModelAndAnUnknownWidthHasNoEstimate) {
  v1::StreamSpec folder = Stream();
  folder.set_folder_path("/rows");
  const v1::SaeSpec sae = Sae("layers.0");
  EXPECT_EQ(EstimateGang(kModel, folder, {&sae})->model_bytes(), 0);
  EXPECT_EQ(EstimateGang(kModel, folder, {&sae})->model_flops(), 0);
  EXPECT_FALSE(EstimateGang({}, Stream(), {&sae}).has_value());
}

TEST(GangEstimate, RanksShareRunsButNotTheModel) {
  v1::GangEstimate estimate;
  estimate.set_model_bytes(1000);
  estimate.set_stream_bytes(100);
  estimate.set_runs_bytes(60);
  estimate.set_largest_run_bytes(20);
  EXPECT_EQ(RankMemoryBytes(estimate, 1), 1160);
  EXPECT_EQ(RankMemoryBytes(estimate, 3), 1140);
  EXPECT_EQ(RankMemoryBytes(estimate, 1000), 1120);
}

TEST(GangEstimate, RanksAreBalancedByWhatTheSlowestHasToDo) {
  EXPECT_EQ(BalancedRanks({0, 90, 3}, 8), 3) << "no run is shared";
  EXPECT_EQ(BalancedRanks({90, 0, 3}, 8), 8) << "micro-batches are";
  EXPECT_EQ(BalancedRanks({90, 0, 3}, 7), 4) << "two of eight for the slowest of 4 to 7";
  EXPECT_EQ(BalancedRanks({}, 5), 5);
  EXPECT_DOUBLE_EQ(FlopsOfSlowestRank({80, 30, 3}, 2), 40 + 20);
}

TEST(Forecast, SaysWhatIsKnown) {
  v1::Gang gang;
  gang.add_run_ids("r0");
  const SchedulingOptions options;
  v1::GangForecast forecast = ForecastGang(gang, {}, 0, options);
  EXPECT_EQ(forecast.ranks(), 0);
  EXPECT_EQ(forecast.rank_memory_bytes(), 0);
  EXPECT_LT(forecast.seconds(), 0);
  gang.mutable_estimate()->set_model_bytes(10);
  gang.mutable_estimate()->set_steps_flops(300);
  forecast = ForecastGang(gang, {v1::DEVICE_KIND_CUDA, 4, 0}, 0, options);
  EXPECT_EQ(forecast.ranks(), 1);
  EXPECT_EQ(forecast.rank_memory_bytes(), 10);
  EXPECT_LT(forecast.seconds(), 0) << "no rate was measured";
  EXPECT_DOUBLE_EQ(ForecastGang(gang, {v1::DEVICE_KIND_CUDA, 4, 0}, 100, options).seconds(), 3);
}

TEST(Forecast, LooksAtTheMemoryThatEnoughSlotsHave) {
  const Labels h100 = {{"gpu", "h100"}};
  std::vector<OfferedSlot> slots(4);
  for (int i = 0; i < 4; ++i) {
    slots[i].device = i < 3 ? v1::DEVICE_KIND_CUDA : v1::DEVICE_KIND_CPU;
    slots[i].memory_bytes = 10 * (i + 1);
    if (i == 0) slots[i].labels = &h100;
  }
  EXPECT_EQ(LookForSlots(slots, {}, 1).memory_bytes, 30);
  EXPECT_EQ(LookForSlots(slots, {}, 3).memory_bytes, 10);
  EXPECT_EQ(LookForSlots(slots, h100, 1).memory_bytes, 10);
  EXPECT_EQ(LookForSlots(slots, h100, 2).device, v1::DEVICE_KIND_UNSPECIFIED);
  EXPECT_EQ(LookForSlots(slots, {}, 4).slots, 0);
  slots[1].memory_bytes = 0;
  EXPECT_EQ(LookForSlots(slots, {}, 1).memory_bytes, 0) << "one is not known";
  slots[2].draining = true;
  EXPECT_EQ(LookForSlots(slots, {}, 1).slots, 2);
}

}  // namespace
}  // namespace seedbed
