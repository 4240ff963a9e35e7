// A stream that begins where another one was gives the batches that the other one would have given.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/folder_stream.h"
#include "sae/activations/rows/block_shard.h"
#include "sae/activations/rows/row_folder.h"
#include "tests/sae/activations/model_stream_fixture.h"
#include "tests/sae/activations/row_fixtures.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

constexpr int kHookpoints = 3;

class StreamResumeTest : public StreamTest {
 protected:
  struct Seen {
    std::map<int, std::string> hashes;               // By hookpoint.
    std::map<int, std::vector<at::Tensor>> batches;  // By hookpoint.
    std::map<int, float> scales;                     // By hookpoint.
    int64_t tokens_harvested = 0;                    // By all ranks.
    int64_t first_batch = -1;
    std::map<int64_t, StreamStart> states;  // By how many batches had been given.
  };

  void KeepRows(const std::string& folder) {
    cache_ = RowCacheOptions{folder_.File(folder), int64_t{1} << 40, std::string(64, 'a'), "{}"};
  }

  // The stream from `start` to its end, on as many ranks as `hosted` has.
  Seen Run(const Hosting& hosted, const StreamStart& start = {}) {
    Seen seen;
    absl::Mutex mutex;
    RunRanks(Backend::kInProcess, static_cast<int>(hosted.size()), absl::Seconds(30),
             [&](int, JoinedGroup group) { RunRank(**group, hosted, start, &mutex, &seen); });
    return seen;
  }

  void RunRank(Collectives& group, const Hosting& hosted, const StreamStart& start, absl::Mutex* mutex, Seen* seen) {
    const absl::StatusOr<TokenMixture> tokens = OpenTokens();
    FakeLanguageModel model(kHookpoints);
    TemporaryFolder scratch;
    BlockSourceParts parts =
        StreamPartsOver(config_, *tokens, model, group, hosted, kHookpoints, scratch.path(), cache_, dtype_);
    auto stream = ModelStream::Create(config_, std::move(parts), start);
    ASSERT_TRUE(stream.ok()) << stream.status();
    Batch batch;
    for (absl::StatusOr<bool> more = (*stream)->Next(&batch); !more.ok() || *more; more = (*stream)->Next(&batch)) {
      ASSERT_TRUE(more.ok()) << more.status();
      const absl::MutexLock lock(mutex);
      if (seen->first_batch < 0) seen->first_batch = batch.index;
      StreamStart& state = seen->states[batch.index + 1];
      state.batches = batch.index + 1;
      for (const int h : hosted[group.rank()]) {
        CopyState((*stream)->State(h), &state.states[h]);
        if (seen->batches[h].size() <= static_cast<size_t>(batch.index)) {
          seen->batches[h].resize(static_cast<size_t>(batch.index) + 1);
        }
        seen->batches[h][static_cast<size_t>(batch.index)] = batch.activations[h].clone();
      }
    }
    const absl::MutexLock lock(mutex);
    seen->tokens_harvested += model.tokens_seen();
    for (const int h : hosted[group.rank()]) {
      seen->hashes[h] = (*stream)->hash(h).ToString();
      seen->scales[h] = (*stream)->scale(h);
    }
  }

  static void ExpectTail(const Seen& whole, const Seen& tail, int64_t first_batch) {
    EXPECT_EQ(tail.hashes, whole.hashes);
    EXPECT_EQ(tail.scales, whole.scales);
    for (const auto& [hookpoint, batches] : tail.batches) {
      ASSERT_EQ(batches.size(), whole.batches.at(hookpoint).size());
      for (auto t = static_cast<size_t>(first_batch); t < batches.size(); ++t) {
        EXPECT_TRUE(at::equal(batches[t], whole.batches.at(hookpoint)[t])) << "batch " << t;
      }
    }
  }

  // The tokens of the blocks from the one on that holds the row which the stream after `batches` batches takes next.
  int64_t TokensFrom(int64_t batches) const {
    const int64_t rows_of_a_sequence = kLength - config_.exclude_first;
    const int64_t rows_taken =
        std::min(config_.rows_per_epoch(), config_.shuffle_rows + batches * config_.batch_tokens);
    const int64_t block_sequences = config_.micro_batch_sequences * config_.block_micro_batches;
    const int64_t first = rows_taken / rows_of_a_sequence / block_sequences * block_sequences;
    return rows_taken == config_.rows_per_epoch() ? 0 : (config_.sequences - first) * kLength;
  }
};

TEST_F(StreamResumeTest, GoesOnAfterEveryBatchOnAnyNumberOfRanks) {
  const Hosting alone = {{0, 1, 2}};
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    dtype_ = dtype;
    const Seen whole = Run(alone);
    for (const auto& [batches, start] : whole.states) {
      for (const Hosting& hosted : {alone, Hosting{{0}, {1, 2}}, Hosting{{}, {0, 1, 2}}}) {
        const Seen tail = Run(hosted, start);
        ExpectTail(whole, tail, batches);
        EXPECT_EQ(tail.tokens_harvested, TokensFrom(batches)) << "after " << batches;
        if (batches < config_.total_batches()) {
          EXPECT_EQ(tail.first_batch, batches);
        }
      }
    }
  }
}

TEST_F(StreamResumeTest, GoesOnFromStatesOfSeveralRanks) {
  const Hosting hosted = {{0, 2}, {1}};
  const Seen whole = Run(hosted);
  for (const auto& [batches, start] : whole.states) {
    ASSERT_EQ(start.states.size(), 3u);
    ExpectTail(whole, Run({{1, 2}, {}, {0}}, start), batches);
  }
}

TEST_F(StreamResumeTest, KnowsTheScale) {
  config_.normalize_rows = 9;
  const Seen whole = Run({{0, 1, 2}});
  for (const auto& [batches, start] : whole.states) ExpectTail(whole, Run({{0, 1}, {2}}, start), batches);
}

TEST_F(StreamResumeTest, LaterEpochsNeedNoModelWhereRowsWereKept) {
  for (const int64_t batch_tokens : {8, 23}) {  // The second divides an epoch's rows.
    config_.epochs = 3;
    config_.batch_tokens = batch_tokens;
    config_.sequences = 23;
    KeepRows(absl::StrCat("rows-", batch_tokens));
    const Seen whole = Run({{0, 1}, {2}});
    EXPECT_EQ(whole.tokens_harvested, config_.sequences * kLength);
    for (const auto& [batches, start] : whole.states) {
      const Seen tail = Run({{0, 1, 2}}, start);
      ExpectTail(whole, tail, batches);
      EXPECT_EQ(tail.tokens_harvested, 0);
    }
  }
}

TEST_F(StreamResumeTest, HarvestsAgainWhatOfTheFirstBlocksWasLost) {
  config_.epochs = 2;
  KeepRows("rows");
  const Seen whole = Run({{0, 1, 2}});
  const std::string stream_folder = JoinPath(folder_.File("rows"), std::string(64, 'a'));
  for (const auto& [batches, start] : whole.states) {
    DamageByte(JoinPath(JoinPath(stream_folder, "layers.1"), BlockShardName(1)), 3);
    const Seen tail = Run({{0}, {1, 2}}, start);
    ExpectTail(whole, tail, batches);
    EXPECT_EQ(tail.tokens_harvested, 10 * kLength);
  }
}

TEST_F(StreamResumeTest, WithoutKeptRowsLaterEpochsHarvestAgain) {
  config_.epochs = 2;
  const Seen whole = Run({{0, 1, 2}});
  for (const auto& [batches, start] : whole.states) {
    const Seen tail = Run({{0, 1, 2}}, start);
    ExpectTail(whole, tail, batches);
    EXPECT_EQ(tail.tokens_harvested, config_.sequences * kLength);
  }
}

TEST_F(StreamResumeTest, RefusesAStateOfAnotherStream) {
  const Seen whole = Run({{0, 1, 2}});
  StreamStart start = whole.states.at(2);
  config_.shuffle_rows = 18;
  const absl::StatusOr<TokenMixture> tokens = OpenTokens();
  FakeLanguageModel model(kHookpoints);
  const auto create = [&] {
    const std::unique_ptr<Collectives> group = MakeLocalCollectives();
    return ModelStream::Create(
               config_, StreamPartsOver(config_, *tokens, model, *group, {{0, 1, 2}}, kHookpoints, "", cache_, dtype_),
               start)
        .status();
  };
  EXPECT_EQ(create().code(), absl::StatusCode::kInvalidArgument);
  start.states.at(0).erase("position.block");
  EXPECT_THAT(create().message(), HasSubstr("position.block"));
  start.states.clear();
  EXPECT_EQ(create().code(), absl::StatusCode::kInvalidArgument);
}

TEST(FolderStreamResume, GoesOnAfterEveryBatch) {
  constexpr int64_t kWidth = 4;
  constexpr int64_t kRows = 10;
  TemporaryFolder folder;
  WriteTensors(folder.File("a.safetensors"), {{"rows", NumberedRows(0, kRows, kWidth)}});
  StreamConfig config;
  config.counted_rows = kRows;
  config.batch_tokens = 3;
  config.epochs = 2;
  config.seed = 7;
  const auto open = [&](const StreamStart& start) {
    FolderStreamParts parts;
    parts.stores.push_back(OpenRowFolder(folder.path(), kWidth).value());
    parts.hosted = {1};
    parts.hookpoints = 2;
    parts.clock = Clock::Real();
    return FolderStream::Create(config, std::move(parts), start).value();
  };
  const std::unique_ptr<ActivationStream> whole = open({});
  std::map<int64_t, StreamStart> starts;
  std::vector<at::Tensor> batches;
  Batch batch;
  while (*whole->Next(&batch)) {
    batches.push_back(batch.activations[1].clone());
    StreamStart& start = starts[batch.index + 1];
    start.batches = batch.index + 1;
    CopyState(whole->State(1), &start.states[1]);
  }
  for (const auto& [given, start] : starts) {
    const std::unique_ptr<ActivationStream> tail = open(start);
    for (auto t = static_cast<size_t>(given); t < batches.size(); ++t) {
      ASSERT_TRUE(*tail->Next(&batch));
      EXPECT_EQ(batch.index, static_cast<int64_t>(t));
      EXPECT_TRUE(at::equal(batch.activations[1], batches[t]));
    }
    EXPECT_FALSE(*tail->Next(&batch));
    EXPECT_EQ(tail->hash(1).ToString(), whole->hash(1).ToString());
  }
}

}  // namespace
}  // namespace seedbed
