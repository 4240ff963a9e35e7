// The stream against its definition, and the same stream on every number of ranks.
#include "sae/activations/model_stream.h"

#include <unistd.h>

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
#include "sae/activations/rows/block_shard.h"
#include "sae/activations/stream_seeds.h"
#include "tests/sae/activations/row_fixtures.h"
#include "tests/sae/activations/stream_fixtures.h"
#include "tests/sae/collectives/rank_threads.h"

namespace seedbed {
namespace {

constexpr int64_t kFileSequences = 30;
constexpr int64_t kLength = 6;

// What a rank has seen.
struct RankResult {
  std::map<int, std::vector<at::Tensor>> batches;  // By hookpoint.
  std::map<int, std::string> hashes;               // By hookpoint.
  int64_t steps = 0;
  bool harvested = false;
  int64_t gang_tokens_harvested = 0;
  std::map<int, float> scales;  // By hookpoint.
  StreamCounters counters;
};

using Hosting = std::vector<std::vector<int>>;

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() : tokens_path_(WriteNumberedTokens(folder_, kFileSequences * kLength + 2, 1 << 20)) {
    config_.sequence_length = kLength;
    config_.sequences = 23;
    config_.seed = 11;
    config_.exclude_first = 2;
    config_.shuffle_rows = 17;
    config_.batch_tokens = 8;
    config_.micro_batch_sequences = 2;
    config_.block_micro_batches = 5;
  }

  absl::StatusOr<TokenMixture> OpenTokens() const {
    return TokenMixture::Open({{tokens_path_, config_.sequences}}, config_.sequence_length);
  }

  RankResult RunRank(Collectives& group, int hookpoints, const Hosting& hosted) {
    RankResult result;
    const absl::StatusOr<TokenMixture> tokens = OpenTokens();
    EXPECT_TRUE(tokens.ok()) << tokens.status();
    FakeLanguageModel model(hookpoints);
    TemporaryFolder scratch;
    auto stream = ModelStream::Create(
        config_, StreamPartsOver(config_, *tokens, model, group, hosted, hookpoints, scratch.path(), cache_, dtype_));
    EXPECT_TRUE(stream.ok()) << stream.status();
    Batch batch;
    while (true) {
      const absl::StatusOr<bool> more = (*stream)->Next(&batch);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) break;
      EXPECT_EQ(batch.index, result.steps++);
      EXPECT_EQ(batch.activations.size(), hookpoints);
      for (int h = 0; h < hookpoints; ++h) {
        if (batch.activations[h].defined()) result.batches[h].push_back(batch.activations[h].clone());
      }
    }
    result.harvested = (*stream)->harvested();
    result.gang_tokens_harvested = (*stream)->gang_tokens_harvested();
    for (const int h : hosted[group.rank()]) {
      result.hashes[h] = (*stream)->hash(h).ToString();
      result.scales[h] = (*stream)->scale(h);
    }
    result.counters = (*stream)->counters();
    EXPECT_EQ(result.counters.tokens_harvested, model.tokens_seen());
    return result;
  }

  RankResult RunAlone(int hookpoints = 1) {
    std::vector<int> all(static_cast<size_t>(hookpoints));
    std::iota(all.begin(), all.end(), 0);
    return RunRank(*MakeLocalCollectives(), hookpoints, {all});
  }

  std::vector<RankResult> RunTogether(int hookpoints, const Hosting& hosted) {
    std::vector<RankResult> results(hosted.size());
    RunRanks(static_cast<int>(hosted.size()), absl::Seconds(30), [&](int rank, JoinedGroup group) {
      ASSERT_TRUE(group.ok()) << group.status();
      results[rank] = RunRank(**group, hookpoints, hosted);
    });
    return results;
  }

  // Points a to c of the definition: the tokens of rows 0..N-1 of epoch 0, before mixing.
  std::vector<int64_t> HarvestedTokens() const {
    const Permutation order(kFileSequences, SequenceOrderSeed(config_.seed));
    std::vector<int64_t> tokens;
    for (int64_t i = 0; i < config_.sequences; ++i) {
      const int64_t sequence = config_.shuffled ? static_cast<int64_t>(order.At(i)) : i;
      for (int64_t p = config_.exclude_first; p < kLength; ++p) tokens.push_back(sequence * kLength + p);
    }
    return tokens;
  }

  // Point e.
  std::vector<int64_t> MixedTokens() const {
    const std::vector<int64_t> rows = HarvestedTokens();
    SplitMix64 random(MixingSeed(config_.seed));
    std::vector<int64_t> buffer, out;
    for (const int64_t row : rows) {
      if (static_cast<int64_t>(buffer.size()) < config_.shuffle_rows) {
        buffer.push_back(row);
      } else {
        std::swap(buffer[random.Below(buffer.size())], out.emplace_back(row));
      }
    }
    while (!buffer.empty()) {
      std::swap(buffer[random.Below(buffer.size())], buffer.back());
      out.push_back(buffer.back());
      buffer.pop_back();
    }
    return out;
  }

  // Points f and g: the tokens of all full batches.
  std::vector<int64_t> BatchTokens() const {
    std::vector<int64_t> out = MixedTokens();
    const std::vector<int64_t> rows = HarvestedTokens();
    for (int64_t epoch = 1; epoch < config_.epochs; ++epoch) {
      const Permutation order(rows.size(), EpochOrderSeed(config_.seed, epoch));
      for (uint64_t i = 0; i < rows.size(); ++i) out.push_back(rows[order.At(i)]);
    }
    out.resize(out.size() / config_.batch_tokens * config_.batch_tokens);
    return out;
  }

  static std::vector<int64_t> TokensIn(const std::vector<at::Tensor>& batches) {
    std::vector<int64_t> tokens;
    for (const at::Tensor& batch : batches) {
      for (int64_t row = 0; row < batch.size(0); ++row) tokens.push_back(batch[row][0].item<int64_t>());
    }
    return tokens;
  }

  void ExpectSameAs(const RankResult& alone, const std::vector<RankResult>& together, const Hosting& hosted) {
    int64_t harvested = 0;
    for (size_t rank = 0; rank < together.size(); ++rank) {
      EXPECT_EQ(together[rank].steps, alone.steps) << "rank " << rank;
      harvested += together[rank].counters.tokens_harvested;
      EXPECT_EQ(together[rank].batches.size(), hosted[rank].size()) << "rank " << rank;
      for (const int h : hosted[rank]) {
        EXPECT_EQ(together[rank].hashes.at(h), alone.hashes.at(h)) << "rank " << rank << ", hookpoint " << h;
        const std::vector<at::Tensor>& batches = together[rank].batches.at(h);
        ASSERT_EQ(batches.size(), alone.batches.at(h).size());
        for (size_t t = 0; t < batches.size(); ++t) {
          EXPECT_TRUE(at::equal(batches[t], alone.batches.at(h)[t])) << "rank " << rank << ", batch " << t;
        }
      }
    }
    EXPECT_EQ(harvested, alone.counters.tokens_harvested);
  }

  TemporaryFolder folder_;
  std::string tokens_path_;
  StreamConfig config_;
  std::optional<RowCacheOptions> cache_;
  at::ScalarType dtype_ = at::kFloat;
};

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

// A stream's cache in a folder of the test's, with room for everything.
class CachedStreamTest : public StreamTest {
 protected:
  CachedStreamTest() {
    cache_.emplace();
    cache_->dir = folder_.File("cache");
    cache_->max_bytes = int64_t{1} << 30;
    cache_->key = std::string(64, 'a');
    cache_->facts = "{}";
  }

  std::string ShardOf(int hookpoint, int block) const {
    return JoinPath(JoinPath(JoinPath(cache_->dir, cache_->key), absl::StrCat("layers.", hookpoint)),
                    BlockShardName(block));
  }
};

TEST_F(CachedStreamTest, GivesTheBatchesOfALiveStreamAndHarvestsNothing) {
  for (const int64_t epochs : {1, 3}) {
    config_.epochs = epochs;
    cache_->key = std::string(64, epochs == 1 ? 'a' : 'b');
    const std::optional<RowCacheOptions> cache = cache_;
    cache_.reset();
    const RankResult live = RunAlone(2);
    cache_ = cache;
    for (const bool filled : {false, true}) {
      const RankResult cached = RunAlone(2);
      EXPECT_EQ(cached.hashes, live.hashes);
      EXPECT_EQ(TokensIn(cached.batches.at(1)), TokensIn(live.batches.at(1)));
      EXPECT_EQ(cached.counters.tokens_harvested, filled ? 0 : config_.sequences * kLength);
      EXPECT_EQ(cached.counters.rows_from_cache, filled ? config_.rows_per_epoch() : 0);
      EXPECT_TRUE(cached.harvested);
    }
  }
}

TEST_F(CachedStreamTest, NormalizesLikeALiveStream) {
  config_.shuffle_rows = 60;
  config_.normalize_rows = 50;
  const RankResult live = RunAlone(2);
  const RankResult cached = RunAlone(2);
  EXPECT_EQ(cached.counters.tokens_harvested, 0);
  EXPECT_EQ(cached.scales, live.scales);
  EXPECT_EQ(cached.hashes, live.hashes);
}

TEST_F(CachedStreamTest, OtherMixingBatchesAndEpochsReadTheSameRows) {
  RunAlone();
  config_.shuffle_rows = 5;
  config_.batch_tokens = 11;
  config_.epochs = 2;
  const RankResult cached = RunAlone();
  EXPECT_EQ(cached.counters.tokens_harvested, 0);
  EXPECT_EQ(TokensIn(cached.batches.at(0)), BatchTokens());
}

TEST_F(CachedStreamTest, HarvestsABlockThatIsDamagedAgainAndNoOther) {
  const RankResult first = RunAlone();
  DamageByte(ShardOf(0, 1), 3);
  const RankResult second = RunAlone();
  EXPECT_EQ(second.hashes, first.hashes);
  EXPECT_EQ(second.counters.cache_shards_refused, 1);
  EXPECT_EQ(second.counters.tokens_harvested, 10 * kLength);
  EXPECT_EQ(RunAlone().counters.tokens_harvested, 0);
}

TEST_F(CachedStreamTest, ARankWithoutABlockHasAllOfThemHarvestIt) {
  const RankResult alone = RunAlone(2);
  ASSERT_EQ(unlink(ShardOf(1, 0).c_str()), 0);
  const Hosting hosted = {{0}, {1}, {}};
  const std::vector<RankResult> together = RunTogether(2, hosted);
  int64_t harvested = 0;
  for (size_t rank = 0; rank < hosted.size(); ++rank) {
    harvested += together[rank].counters.tokens_harvested;
    for (const int h : hosted[rank]) EXPECT_EQ(together[rank].hashes.at(h), alone.hashes.at(h));
  }
  EXPECT_EQ(harvested, 10 * kLength);
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
