// The stream against its definition, and the same stream on every number of ranks.
#include "sae/activations/model_stream.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>

#include "ATen/TensorOperators.h"
#include "ATen/ops/equal.h"
#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/stream_seeds.h"
#include "tests/sae/activations/model_stream_fixture.h"

namespace seedbed {
namespace {

TEST_F(StreamTest, IsWhatItsDefinitionSays) {
  for (const bool shuffled : {false, true}) {
    for (const int64_t shuffle_rows : {1, 17, 10'000}) {
      for (const int64_t epochs : {1, 3}) {
        config_.shuffled = shuffled;
        config_.shuffle_rows = shuffle_rows;
        config_.epochs = epochs;
        const RankResult result = RunAlone();
        EXPECT_EQ(TokensIn(result.batches.at(0)), BatchTokens())
            << "shuffled " << shuffled << ", shuffle_rows " << shuffle_rows << ", epochs " << epochs;
        EXPECT_EQ(result.steps, config_.total_batches());
        EXPECT_TRUE(result.harvested);
        EXPECT_EQ(result.gang_tokens_harvested, config_.sequences * kLength);
      }
    }
  }
}

TEST_F(StreamTest, WithoutMixingAndShufflingKeepsTheOrderOfTheFile) {
  config_.shuffled = false;
  config_.shuffle_rows = 1;
  config_.exclude_first = 0;
  const std::vector<int64_t> tokens = TokensIn(RunAlone().batches.at(0));
  for (size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(tokens[i], i);
}

TEST_F(StreamTest, EveryEpochHasEveryRowOnce) {
  config_.epochs = 3;
  config_.batch_tokens = 4;  // Divides the rows of an epoch.
  std::vector<int64_t> expected = HarvestedTokens();
  std::sort(expected.begin(), expected.end());
  const std::vector<int64_t> tokens = TokensIn(RunAlone().batches.at(0));
  ASSERT_EQ(tokens.size(), 3 * expected.size());
  std::vector<std::vector<int64_t>> orders;
  for (int epoch = 0; epoch < 3; ++epoch) {
    const auto begin = tokens.begin() + epoch * static_cast<int64_t>(expected.size());
    orders.emplace_back(begin, begin + static_cast<int64_t>(expected.size()));
    std::vector<int64_t> sorted = orders.back();
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, expected) << "epoch " << epoch;
  }
  EXPECT_NE(orders[1], orders[2]);
}

TEST_F(StreamTest, ModelRunsOnMicroBatchesOfAFixedSize) {
  config_.shuffle_rows = 1;
  const std::vector<at::Tensor> batches = RunAlone().batches.at(0);
  const int64_t rows_of_a_sequence = kLength - config_.exclude_first;
  int64_t row = 0;
  for (const at::Tensor& batch : batches) {
    for (int64_t i = 0; i < batch.size(0); ++i, ++row) {
      // The 23rd sequence is alone in the last micro-batch.
      EXPECT_EQ(batch[i][1].item<int64_t>(), row / rows_of_a_sequence == 22 ? 1 : 2);
    }
  }
}

TEST_F(StreamTest, BatchesAreAlignedAndTheirBuffersAreUsedAgain) {
  const absl::StatusOr<TokenMixture> tokens = OpenTokens();
  FakeLanguageModel model(1);
  const std::unique_ptr<Collectives> group = MakeLocalCollectives();
  auto stream = ModelStream::Create(config_, StreamPartsOver(config_, *tokens, model, *group, {{0}}, 1, ""));
  ASSERT_TRUE(stream.ok()) << stream.status();
  Batch batch;
  const void* address = nullptr;
  while (*(*stream)->Next(&batch)) {
    ASSERT_TRUE(batch.activations[0].is_contiguous());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(batch.activations[0].const_data_ptr()) % 64, 0);
    if (batch.index > 0) {
      EXPECT_EQ(batch.activations[0].const_data_ptr(), address);
    }
    address = batch.activations[0].const_data_ptr();
  }
}

TEST_F(StreamTest, IsTheSameOnEveryNumberOfRanks) {
  for (const int64_t epochs : {1, 3}) {
    for (const int64_t shuffle_rows : {1, 17, 10'000}) {
      config_.epochs = epochs;
      config_.shuffle_rows = shuffle_rows;
      const RankResult alone = RunAlone();
      for (const Hosting& hosted : {Hosting{{0}, {0}}, Hosting{{}, {0}, {0}}, Hosting{{0}, {}, {}, {0}}}) {
        ExpectSameAs(alone, RunTogether(1, hosted), hosted);
      }
    }
  }
}

TEST_F(StreamTest, HookpointsGoToTheirHostsAlone) {
  config_.epochs = 2;
  const RankResult alone = RunAlone(3);
  const Hosting hosted = {{0, 2}, {}, {1, 2}};
  const std::vector<RankResult> together = RunTogether(3, hosted);
  ExpectSameAs(alone, together, hosted);

  const int64_t row_bytes = FakeLanguageModel::kWidth * static_cast<int64_t>(sizeof(float));
  const auto rows_harvested_by = [&](int rank) {
    return together[rank].counters.tokens_harvested / kLength * (kLength - config_.exclude_first);
  };
  // Rank 0 sends 1 and 2 to rank 2; rank 1 sends 0 and 2 to rank 0, and 1 and 2 to rank 2; rank 2 sends 0 and 2.
  EXPECT_EQ(together[0].counters.exchange_bytes_sent, 2 * rows_harvested_by(0) * row_bytes);
  EXPECT_EQ(together[1].counters.exchange_bytes_sent, 4 * rows_harvested_by(1) * row_bytes);
  EXPECT_EQ(together[2].counters.exchange_bytes_sent, 2 * rows_harvested_by(2) * row_bytes);
}

TEST_F(StreamTest, AGangWithOneHostSendsNothingBack) {
  const std::vector<RankResult> together = RunTogether(1, {{0}, {}});
  EXPECT_EQ(together[0].counters.exchange_bytes_sent, 0);
  EXPECT_GT(together[1].counters.exchange_bytes_sent, 0);
}

// Four ranks, blocks of three micro-batches: in every block somebody has none.
TEST_F(StreamTest, RanksWithoutAMicroBatchStillTakePart) {
  config_.block_micro_batches = 3;
  config_.batch_tokens = 64;
  const Hosting hosted = {{0}, {}, {0}, {}};
  ExpectSameAs(RunAlone(), RunTogether(1, hosted), hosted);
}

// One batch of 50 rows, three blocks of 40, 40 and 12.
TEST_F(StreamTest, BlocksThatNoFullBatchNeedsAreNotHarvested) {
  config_.shuffle_rows = 1;
  config_.batch_tokens = 50;
  const RankResult alone = RunAlone();
  EXPECT_EQ(alone.steps, 1);
  EXPECT_EQ(alone.counters.tokens_harvested, 20 * kLength);
  const Hosting hosted = {{}, {0}};
  ExpectSameAs(alone, RunTogether(1, hosted), hosted);
}

TEST_F(StreamTest, SeedChangesOrderAndHash) {
  const RankResult first = RunAlone();
  config_.seed = 12;
  const RankResult second = RunAlone();
  EXPECT_NE(TokensIn(first.batches.at(0)), TokensIn(second.batches.at(0)));
  EXPECT_NE(first.hashes.at(0), second.hashes.at(0));
}

TEST_F(StreamTest, ProgressGoesUpToAllTokens) {
  const absl::StatusOr<TokenMixture> tokens = OpenTokens();
  FakeLanguageModel model(1);
  const std::unique_ptr<Collectives> group = MakeLocalCollectives();
  ActivationStream* running = nullptr;
  std::vector<int64_t> progress;
  BlockSourceParts parts = StreamPartsOver(config_, *tokens, model, *group, {{0}}, 1, "");
  parts.on_micro_batch = [&] { progress.push_back(running->gang_tokens_harvested()); };
  auto stream = ModelStream::Create(config_, std::move(parts));
  running = stream->get();
  Batch batch;
  while (*(*stream)->Next(&batch)) {
  }
  EXPECT_EQ(progress.size(), 12);
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_EQ(progress.front(), 2 * kLength);
  EXPECT_EQ(progress.back(), running->tokens_to_harvest());
}

TEST_F(StreamTest, LeavesOutExcludedTokensOnEveryNumberOfRanks) {
  config_.shuffled = false;
  config_.shuffle_rows = 1;
  config_.batch_tokens = 1;
  config_.exclude_tokens = {3, 14, 15, 77};
  std::vector<int64_t> expected;
  for (const int64_t token : HarvestedTokens()) {
    if (!std::binary_search(config_.exclude_tokens.begin(), config_.exclude_tokens.end(), token)) {
      expected.push_back(token);
    }
  }
  config_.counted_rows = static_cast<int64_t>(expected.size());
  const RankResult alone = RunAlone();
  EXPECT_EQ(TokensIn(alone.batches.at(0)), expected);
  const Hosting hosted = {{0}, {}, {0}};
  ExpectSameAs(alone, RunTogether(1, hosted), hosted);
}

TEST_F(StreamTest, RowsThatWereCountedOtherwiseAreAnError) {
  config_.exclude_tokens = {3};
  for (const int64_t wrong : {-1, +1}) {
    config_.counted_rows = config_.sequences * (kLength - config_.exclude_first) - 1 + wrong;
    config_.shuffle_rows = 1;
    const absl::StatusOr<TokenMixture> tokens = OpenTokens();
    FakeLanguageModel model(1);
    const auto group = MakeLocalCollectives();
    const auto stream = ModelStream::Create(config_, StreamPartsOver(config_, *tokens, model, *group, {{0}}, 1, ""));
    absl::StatusOr<bool> more = true;
    Batch batch;
    while (more.ok() && *more) more = (*stream)->Next(&batch);
    EXPECT_EQ(more.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(more.status().message()), testing::HasSubstr(tokens_path_));
  }
}

TEST_F(StreamTest, SixteenBitRowsAreRoundedOnceWhateverTheRanks) {
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf}) {
    dtype_ = at::kFloat;
    config_.epochs = 2;
    const RankResult wide = RunAlone();
    dtype_ = dtype;
    const RankResult narrow = RunAlone();
    for (size_t t = 0; t < wide.batches.at(0).size(); ++t) {
      EXPECT_TRUE(at::equal(narrow.batches.at(0)[t], wide.batches.at(0)[t].to(dtype).to(at::kFloat)));
    }
    const Hosting hosted = {{0}, {0}};
    ExpectSameAs(narrow, RunTogether(1, hosted), hosted);
  }
}

TEST_F(StreamTest, NormalizesByTheFirstRowsOnEveryNumberOfRanks) {
  for (const int64_t epochs : {1, 2}) {
    config_.epochs = epochs;
    config_.normalize_rows = 0;
    const RankResult raw = RunAlone();
    config_.normalize_rows = 9;
    const RankResult scaled = RunAlone();
    double energy = 0;  // Of the activations of the first nine rows: [i, sequences in the call, i / 2, 0].
    const std::vector<int64_t> tokens = HarvestedTokens();
    for (int i = 0; i < 9; ++i) energy += 1.25 * static_cast<double>(tokens[i] * tokens[i]) + 4;
    const double scale = std::sqrt(FakeLanguageModel::kWidth / (energy / 9));
    EXPECT_NEAR(scaled.scales.at(0), scale, 1e-6 * scale);
    for (size_t t = 0; t < raw.batches.at(0).size(); ++t) {
      EXPECT_TRUE(at::equal(scaled.batches.at(0)[t], raw.batches.at(0)[t] * scaled.scales.at(0))) << t;
    }
    const Hosting hosted = {{}, {0}, {0}};
    ExpectSameAs(scaled, RunTogether(1, hosted), hosted);
  }
}

TEST_F(StreamTest, EveryHookpointHasTheScaleOfItsOwnFirstRows) {
  config_.shuffle_rows = 60;
  config_.normalize_rows = 50;  // More than a block has.
  const RankResult result = RunAlone(3);
  const std::vector<int64_t> tokens = HarvestedTokens();
  for (int h = 0; h < 3; ++h) {
    double energy = 0;  // Activations are [i, 1000 h + sequences in the call, i / 2, h].
    for (int i = 0; i < 50; ++i) {
      energy += 1.25 * static_cast<double>(tokens[i] * tokens[i]) + (1000 * h + 2) * (1000 * h + 2) + h * h;
    }
    const double scale = std::sqrt(FakeLanguageModel::kWidth / (energy / 50));
    EXPECT_NEAR(result.scales.at(h), scale, 1e-6 * scale) << h;
    for (const at::Tensor& batch : result.batches.at(h)) {
      EXPECT_NEAR(batch.select(1, 3).max().item<float>(), h * scale, 1e-6) << "not all rows of " << h << " are scaled";
      EXPECT_NEAR(batch.select(1, 3).min().item<float>(), h * scale, 1e-6);
    }
  }
}

TEST_F(StreamTest, MixesFilesInTheirProportions) {
  const std::string other =
      WriteTokens(folder_, "other.bin", std::vector<uint32_t>(10 * kLength, 1'000'000), int64_t{1} << 20);
  const TokenMixture tokens = TokenMixture::Open({{tokens_path_, 15}, {other, 5}}, kLength).value();
  config_.sequences = 20;
  config_.shuffle_rows = 1;
  config_.batch_tokens = kLength - config_.exclude_first;  // A sequence.
  FakeLanguageModel model(1);
  const auto group = MakeLocalCollectives();
  const auto stream = ModelStream::Create(config_, StreamPartsOver(config_, tokens, model, *group, {{0}}, 1, ""));
  Batch batch;
  std::vector<bool> is_other;
  while (*(*stream)->Next(&batch)) is_other.push_back(batch.activations[0][0][0].item<float>() == 1'000'000);
  ASSERT_EQ(is_other.size(), 20);
  for (int first = 0; first < 20; first += 4) {
    EXPECT_EQ(std::count(is_other.begin() + first, is_other.begin() + first + 4, true), 1) << first;
  }
}

}  // namespace
}  // namespace seedbed
