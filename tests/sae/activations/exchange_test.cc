// What arrives, where, and that nothing else is sent.
#include "sae/activations/exchange.h"

#include <atomic>
#include <numeric>
#include <set>

#include "ATen/ops/arange.h"
#include "ATen/ops/equal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/collectives/rank_threads.h"

namespace seedbed {
namespace {

constexpr int64_t kWidth = 3;
constexpr absl::Duration kPatience = absl::Seconds(60);

using Hosting = std::vector<std::vector<int>>;

struct Case {
  Hosting hosted;
  int hookpoints = 1;
  std::vector<int64_t> rows_by_rank;
};

int64_t Total(const std::vector<int64_t>& counts) { return std::accumulate(counts.begin(), counts.end(), int64_t{0}); }

// Row i of all ranks' rows of hookpoint h in block b holds 1000 b + 100 h + i.
at::Tensor WholeBlock(int64_t block, int hookpoint, int64_t rows, at::ScalarType dtype) {
  const int64_t first = 1000 * block + 100 * hookpoint;
  return at::arange(first, first + rows, at::kLong).view({rows, 1}).expand({rows, kWidth}).to(dtype).contiguous();
}

std::vector<at::Tensor> Harvested(const Case& c, int64_t block, int rank, at::ScalarType dtype) {
  const int64_t first = std::accumulate(c.rows_by_rank.begin(), c.rows_by_rank.begin() + rank, int64_t{0});
  std::vector<at::Tensor> harvested;
  for (int h = 0; h < c.hookpoints; ++h) {
    harvested.push_back(WholeBlock(block, h, Total(c.rows_by_rank), dtype)
                            .narrow(0, first, c.rows_by_rank[static_cast<size_t>(rank)])
                            .clone());
  }
  return harvested;
}

// The bytes that have to leave `rank` in a block: its rows, once for each hookpoint and each other rank that hosts it.
int64_t BytesNeeded(const Case& c, int rank, at::ScalarType dtype) {
  int64_t copies = 0;
  for (size_t peer = 0; peer < c.hosted.size(); ++peer) {
    if (static_cast<int>(peer) != rank) copies += static_cast<int64_t>(c.hosted[peer].size());
  }
  return copies * c.rows_by_rank[static_cast<size_t>(rank)] * kWidth * static_cast<int64_t>(at::elementSize(dtype));
}

// Counts what the exchange gives to the collectives to be sent and received.
class CountingCollectives final : public Collectives {
 public:
  explicit CountingCollectives(Collectives* group) : group_(group) {}
  int rank() const override { return group_->rank(); }
  int world_size() const override { return group_->world_size(); }
  at::Device device() const override { return group_->device(); }
  void SetPhase(std::string phase) override { group_->SetPhase(std::move(phase)); }
  absl::Status AwaitAll() override { return group_->AwaitAll(); }
  int calls() const { return calls_; }
  int64_t sent() const { return sent_; }
  int64_t received() const { return received_; }

 private:
  absl::Status Transfer(absl::string_view, const TensorsByRank& send, const TensorsByRank& receive) override {
    ++calls_;
    sent_ += BytesForOthers(send);
    received_ += BytesForOthers(receive);
    return group_->AllToAll(send, receive);
  }

  int64_t BytesForOthers(const TensorsByRank& tensors) const {
    int64_t bytes = 0;
    for (int peer = 0; peer < world_size(); ++peer) {
      if (peer == rank()) continue;
      for (const at::Tensor& tensor : tensors[static_cast<size_t>(peer)])
        bytes += static_cast<int64_t>(tensor.nbytes());
    }
    return bytes;
  }

  Collectives* group_;
  int calls_ = 0;
  int64_t sent_ = 0;
  int64_t received_ = 0;
};

class ExchangeTest : public ::testing::TestWithParam<Backend> {
 protected:
  // Three blocks, on every rank.
  void ExchangeAndCheck(const Case& c, at::ScalarType dtype) {
    const int world_size = static_cast<int>(c.hosted.size());
    std::atomic<int> finished{0};
    RunRanks(GetParam(), world_size, kPatience, [&](int rank, JoinedGroup group) {
      ASSERT_TRUE(group.ok()) << group.status();
      CountingCollectives counting(group->get());
      Exchange exchange(&counting, c.hosted, at::kCPU);
      EXPECT_FALSE(exchange.overlaps());
      constexpr int kBlocks = 3;
      for (int block = 0; block < kBlocks; ++block) {
        const absl::Status started = exchange.Start(Harvested(c, block, rank, dtype), c.rows_by_rank);
        ASSERT_TRUE(started.ok()) << started;
        const auto rows = exchange.Finish();
        ASSERT_TRUE(rows.ok()) << rows.status();
        ExpectBlock(c, block, rank, dtype, *rows);
      }
      EXPECT_EQ(counting.calls(), kBlocks);
      EXPECT_EQ(exchange.bytes_sent(), kBlocks * BytesNeeded(c, rank, dtype)) << "rank " << rank;
      EXPECT_EQ(exchange.bytes_sent(), counting.sent()) << "rank " << rank;
      if (c.hosted[static_cast<size_t>(rank)].empty()) {
        EXPECT_EQ(counting.received(), 0) << "rank " << rank;
      }
      EXPECT_TRUE((*group)->Leave().ok());
      ++finished;
    });
    EXPECT_EQ(finished, world_size);
  }

  static void ExpectBlock(const Case& c, int64_t block, int rank, at::ScalarType dtype,
                          const std::vector<at::Tensor>& rows) {
    const std::vector<int>& hosted = c.hosted[static_cast<size_t>(rank)];
    ASSERT_EQ(rows.size(), hosted.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_TRUE(rows[i].is_contiguous());
      EXPECT_EQ(rows[i].scalar_type(), dtype);
      EXPECT_TRUE(at::equal(rows[i], WholeBlock(block, hosted[i], Total(c.rows_by_rank), dtype)))
          << "rank " << rank << ", block " << block << ", hookpoint " << hosted[i];
    }
  }
};

TEST_P(ExchangeTest, EveryHostGetsItsHookpointsAndNothingElseIsSent) {
  for (const Case& c : {
           Case{{{0}, {0}}, 1, {4, 3}},
           Case{{{0}, {}}, 1, {4, 3}},
           Case{{{}, {0, 2}}, 3, {1, 2}},
           Case{{{0, 1}, {1}, {0, 2}}, 3, {2, 3, 4}},
           Case{{{}, {}, {0, 1}}, 2, {2, 2, 2}},
           Case{{{0}, {}, {0}, {}}, 1, {0, 3, 0, 2}},
           Case{{{1}, {0}}, 2, {0, 0}},
       }) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) ExchangeAndCheck(c, dtype);
  }
}

TEST_P(ExchangeTest, BuffersAreUsedAgain) {
  RunRanks(GetParam(), 2, kPatience, [&](int rank, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    Exchange exchange(group->get(), {{0}, {0}}, at::kCPU);
    std::set<const void*> addresses;
    for (const std::vector<int64_t>& rows_by_rank : {std::vector<int64_t>{4, 3}, {2, 2}, {4, 3}}) {
      const Case c{{{0}, {0}}, 1, rows_by_rank};
      ASSERT_TRUE(exchange.Start(Harvested(c, 0, rank, at::kFloat), rows_by_rank).ok());
      const auto rows = exchange.Finish();
      ASSERT_TRUE(rows.ok()) << rows.status();
      ExpectBlock(c, 0, rank, at::kFloat, *rows);
      addresses.insert(rows->front().const_data_ptr());
    }
    EXPECT_EQ(addresses.size(), 1);
    EXPECT_TRUE((*group)->Leave().ok());
  });
}

TEST_P(ExchangeTest, PeerThatEndsIsAnError) {
  RunRanks(GetParam(), 2, kPatience, [&](int rank, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    if (rank == 1) return;
    (*group)->SetPhase("step 5, block 1");
    Exchange exchange(group->get(), {{0}, {}}, at::kCPU);
    const Case c{{{0}, {}}, 1, {2, 2}};
    const absl::Status status = exchange.Start(Harvested(c, 0, 0, at::kFloat), c.rows_by_rank);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("rank 0: step 5, block 1: all-to-all: "));
    EXPECT_EQ(exchange.bytes_sent(), 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Backends, ExchangeTest, ::testing::Values(Backend::kInProcess, Backend::kGloo),
                         [](const auto& info) { return info.param == Backend::kInProcess ? "InProcess" : "Gloo"; });

TEST(ExchangeAloneTest, CopiesNothing) {
  const std::unique_ptr<Collectives> group = MakeLocalCollectives();
  Exchange exchange(group.get(), {{0, 2}}, at::kCPU);
  const std::vector<at::Tensor> harvested = Harvested({{{0, 2}}, 3, {5}}, 0, 0, at::kFloat);
  ASSERT_TRUE(exchange.Start(harvested, {5}).ok());
  const auto rows = exchange.Finish();
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2);
  EXPECT_EQ((*rows)[0].const_data_ptr(), harvested[0].const_data_ptr());
  EXPECT_EQ((*rows)[1].const_data_ptr(), harvested[2].const_data_ptr());
  EXPECT_EQ(exchange.bytes_sent(), 0);
}

}  // namespace
}  // namespace seedbed
