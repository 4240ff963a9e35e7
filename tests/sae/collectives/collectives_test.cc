// One suite for every implementation that runs without a GPU: the group of one rank and Gloo.
#include "sae/collectives/collectives.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <numeric>

#include "ATen/ops/empty.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/full.h"
#include "ATen/ops/zeros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/collectives/rank_threads.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kWidth = 5;
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kShort = absl::Milliseconds(600);

class ConformanceTest : public ::testing::TestWithParam<int> {};

// Rank s sends `rows(s, r)` rows to rank r, each filled with 100 s + 10 r + its number.
void ExchangeAndCheck(Collectives& group, const std::function<int64_t(int, int)>& rows) {
  const int rank = group.rank();
  std::vector<int64_t> send_rows;
  std::vector<int64_t> receive_rows;
  for (int peer = 0; peer < group.world_size(); ++peer) {
    send_rows.push_back(rows(rank, peer));
    receive_rows.push_back(rows(peer, rank));
  }
  const auto total = [](const std::vector<int64_t>& counts) {
    return std::accumulate(counts.begin(), counts.end(), int64_t{0});
  };
  at::Tensor send = at::empty({total(send_rows), kWidth});
  at::Tensor receive = at::zeros({total(receive_rows), kWidth});
  int64_t next = 0;
  for (int peer = 0; peer < group.world_size(); ++peer) {
    for (int64_t row = 0; row < send_rows[peer]; ++row) send[next++].fill_(100 * rank + 10 * peer + row);
  }

  const absl::Status status = group.AllToAllRows(send, send_rows, receive, receive_rows);

  ASSERT_TRUE(status.ok()) << status;
  next = 0;
  for (int peer = 0; peer < group.world_size(); ++peer) {
    for (int64_t row = 0; row < receive_rows[peer]; ++row) {
      const at::Tensor expected = at::full({kWidth}, 100 * peer + 10 * rank + row, receive.options());
      EXPECT_TRUE(at::equal(receive[next++], expected)) << "rank " << rank << ", row " << row << " from " << peer;
    }
  }
}

TEST_P(ConformanceTest, KnowsRankAndWorldSize) {
  std::atomic<int> seen{0};
  RunRanks(GetParam(), kPatience, [&](int rank, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    EXPECT_EQ((*group)->rank(), rank);
    EXPECT_EQ((*group)->world_size(), GetParam());
    EXPECT_TRUE((*group)->Leave().ok());
    ++seen;
  });
  EXPECT_EQ(seen, GetParam());
}

TEST_P(ConformanceTest, ReceivesUnevenRowsInRankOrder) {
  RunRanks(GetParam(), kPatience, [&](int, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    ExchangeAndCheck(**group, [](int sender, int receiver) { return 1 + 2 * sender + receiver; });
    ExchangeAndCheck(**group, [](int sender, int receiver) { return 7 - 2 * sender - receiver; });
    EXPECT_TRUE((*group)->Leave().ok());
  });
}

TEST_P(ConformanceTest, ZeroCountsAreAllowed) {
  RunRanks(GetParam(), kPatience, [&](int, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    ExchangeAndCheck(**group, [](int sender, int receiver) { return sender == 0 && receiver == 0 ? 3 : 0; });
    ExchangeAndCheck(**group, [](int sender, int receiver) { return receiver > sender ? 2 : 0; });
    ExchangeAndCheck(**group, [](int, int) { return 0; });
    EXPECT_TRUE((*group)->Leave().ok());
  });
}

TEST_P(ConformanceTest, NobodyLeavesTheBarrierBeforeAllHaveComeToIt) {
  std::atomic<int> arrived{0};
  RunRanks(GetParam(), kPatience, [&](int, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    ++arrived;
    ASSERT_TRUE((*group)->Barrier().ok());
    EXPECT_EQ(arrived, GetParam());
    EXPECT_TRUE((*group)->Leave().ok());
  });
}

TEST_P(ConformanceTest, CountsThatDoNotFitAreRefusedAndTheGroupStaysUsable) {
  RunRanks(GetParam(), kPatience, [&](int rank, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    at::Tensor rows = at::zeros({3, kWidth});
    at::Tensor receive = at::zeros({3, kWidth});
    std::vector<int64_t> fitting(GetParam(), 0);
    fitting[rank] = 3;
    std::vector<int64_t> too_many(GetParam(), 0);
    too_many[rank] = 4;
    const absl::Status status = (*group)->AllToAllRows(rows, too_many, receive, fitting);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("send has 3 rows"));
    ExchangeAndCheck(**group, [](int, int) { return 2; });
    EXPECT_TRUE((*group)->Leave().ok());
  });
}

// Ranks that end right after leaving, again and again: none may take another's end for an error.
TEST_P(ConformanceTest, WhoHasLeftDisturbsNobody) {
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    RunRanks(GetParam(), kPatience, [&](int, JoinedGroup group) {
      ASSERT_TRUE(group.ok()) << group.status();
      const absl::Status status = (*group)->Leave();
      EXPECT_TRUE(status.ok()) << status;
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, ConformanceTest, ::testing::Values(1, 2, 3),
                         [](const auto& info) { return absl::StrCat("World", info.param); });

TEST(GlooTest, PeerThatNeverJoinsIsATimeout) {
  GroupOptions options;
  options.world_size = 2;
  options.timeout = kShort;
  int port = 0;
  options.on_listening = [&](int bound) { port = bound; };
  const JoinedGroup group = JoinGroup(options);
  EXPECT_EQ(group.status().code(), absl::StatusCode::kDeadlineExceeded) << group.status();
  EXPECT_THAT(std::string(group.status().message()), HasSubstr("rank 0: rendezvous"));
  EXPECT_GT(port, 0);
}

TEST(GlooTest, StoreThatIsNotThereIsATimeoutNamingItsAddress) {
  GroupOptions options;
  options.rank = 1;
  options.world_size = 2;
  options.timeout = kShort;
  options.rendezvous_address = "127.0.0.1:1";
  const JoinedGroup group = JoinGroup(options);
  EXPECT_EQ(group.status().code(), absl::StatusCode::kDeadlineExceeded) << group.status();
  EXPECT_THAT(std::string(group.status().message()), HasSubstr("127.0.0.1:1"));
}

TEST(GlooTest, PeerThatDoesNotTakePartIsATimeout) {
  std::promise<void> given_up;
  RunRanks(2, kShort, [&](int rank, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    if (rank == 1) {
      given_up.get_future().wait();
      return;
    }
    at::Tensor rows = at::zeros({2, kWidth});
    at::Tensor receive = at::zeros({2, kWidth});
    const absl::Status status = (*group)->AllToAllRows(rows, {1, 1}, receive, {1, 1});
    given_up.set_value();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("rank 0: all-to-all"));
  });
}

TEST(GlooTest, PeerThatGoesAwayIsAnErrorWellBeforeTheTimeout) {
  RunRanks(2, kPatience, [&](int rank, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    if (rank == 1) return;
    at::Tensor rows = at::zeros({2, kWidth});
    at::Tensor receive = at::zeros({2, kWidth});
    const absl::Status status = (*group)->AllToAllRows(rows, {1, 1}, receive, {1, 1});
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("rank 0: all-to-all"));
  });
}

// Another address of the loopback network reaches a socket that listens on every interface.
TEST(GlooTest, StoreListensOnNoOtherInterface) {
  GroupOptions options;
  options.world_size = 2;
  options.timeout = kShort;
  int connected = -1;
  options.on_listening = [&](int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);
    connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    close(fd);
  };
  EXPECT_FALSE(JoinGroup(options).ok());
  EXPECT_NE(connected, 0);
}

TEST(JoinGroupTest, HostThatIsNotOursIsNamed) {
  GroupOptions options;
  options.world_size = 2;
  options.rendezvous_host = "192.0.2.1";
  const JoinedGroup group = JoinGroup(options);
  EXPECT_EQ(group.status().code(), absl::StatusCode::kUnavailable) << group.status();
  EXPECT_THAT(std::string(group.status().message()), HasSubstr("rendezvous host 192.0.2.1"));
}

TEST(JoinGroupTest, BadAddressDeviceAndRankAreNamed) {
  GroupOptions options;
  options.rank = 1;
  options.world_size = 2;
  options.rendezvous_address = "nowhere";
  EXPECT_THAT(std::string(JoinGroup(options).status().message()), HasSubstr("rendezvous_address"));
  options.device = "tpu";
  EXPECT_THAT(std::string(JoinGroup(options).status().message()), HasSubstr("\"tpu\": allowed are cpu and cuda:N"));
  options.rank = 2;
  EXPECT_THAT(std::string(JoinGroup(options).status().message()), HasSubstr("rank 2 of world size 2"));
}

#ifndef USE_C10D_NCCL
TEST(JoinGroupTest, CudaWithoutNcclIsAFailedPrecondition) {
  GroupOptions options;
  options.world_size = 2;
  options.device = "cuda:0";
  const JoinedGroup group = JoinGroup(options);
  EXPECT_EQ(group.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(group.status().message()), HasSubstr("no NCCL"));
}
#endif

}  // namespace
}  // namespace seedbed
