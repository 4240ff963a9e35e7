// A stream over numbered tokens on any number of ranks, and what its definition says that it gives.
#ifndef SEEDBED_TESTS_SAE_ACTIVATIONS_MODEL_STREAM_FIXTURE_H_
#define SEEDBED_TESTS_SAE_ACTIVATIONS_MODEL_STREAM_FIXTURE_H_

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ops/equal.h"
#include "common/random.h"
#include "gtest/gtest.h"
#include "sae/activations/model_stream.h"
#include "sae/activations/stream_seeds.h"
#include "tests/sae/activations/stream_fixtures.h"
#include "tests/sae/collectives/rank_threads.h"

namespace seedbed {

inline constexpr int64_t kFileSequences = 30;
inline constexpr int64_t kLength = 6;

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

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_ACTIVATIONS_MODEL_STREAM_FIXTURE_H_
