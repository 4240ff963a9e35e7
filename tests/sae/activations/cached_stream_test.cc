// A stream whose rows are in a cache, wholly or in part: the batches of a live one.
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sae/activations/rows/block_shard.h"
#include "tests/sae/activations/model_stream_fixture.h"
#include "tests/sae/activations/row_fixtures.h"

namespace seedbed {
namespace {

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

}  // namespace
}  // namespace seedbed
