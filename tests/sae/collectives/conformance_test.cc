// One suite for every implementation: threads of one process, Gloo, NCCL.
#include <atomic>

#include "ATen/Context.h"
#include "ATen/detail/CUDAHooksInterface.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/zeros.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/collectives/collectives.h"
#include "tests/sae/collectives/rank_threads.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr int64_t kWidth = 5;
constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr absl::Duration kShort = absl::Seconds(2);

struct Implementation {
  Backend backend;
  int world_size;
};

std::string NameOf(const Implementation& implementation) {
  constexpr const char* kNames[] = {"InProcess", "Gloo", "Nccl"};
  return absl::StrCat(kNames[static_cast<int>(implementation.backend)], "World", implementation.world_size);
}

// How many rows each of the tensors has that one rank sends another.
using RowCounts = std::function<std::vector<int64_t>(int sender, int receiver)>;

// The rows that `sender` gives `receiver` as tensor `i`: different in every place.
at::Tensor RowsFrom(int sender, int receiver, int64_t i, int64_t rows, at::ScalarType dtype) {
  const int64_t first = 100 * sender + 30 * receiver + 10 * i;
  return at::arange(first, first + rows * kWidth, at::kLong).view({rows, kWidth}).to(dtype);
}

struct Traffic {
  TensorsByRank send;
  TensorsByRank receive;
};

Traffic MakeTraffic(const Collectives& group, const RowCounts& counts, at::ScalarType dtype) {
  Traffic traffic;
  for (int peer = 0; peer < group.world_size(); ++peer) {
    traffic.send.emplace_back();
    traffic.receive.emplace_back();
    const std::vector<int64_t> outgoing = counts(group.rank(), peer);
    for (size_t i = 0; i < outgoing.size(); ++i) {
      traffic.send.back().push_back(RowsFrom(group.rank(), peer, i, outgoing[i], dtype).to(group.device()));
    }
    for (const int64_t rows : counts(peer, group.rank())) {
      traffic.receive.back().push_back(at::zeros({rows, kWidth}, traffic.send.back().empty()
                                                                     ? at::TensorOptions(dtype).device(group.device())
                                                                     : traffic.send.back().front().options()));
    }
  }
  return traffic;
}

void ExpectReceived(const Collectives& group, const Traffic& traffic) {
  for (int peer = 0; peer < group.world_size(); ++peer) {
    for (size_t i = 0; i < traffic.receive[peer].size(); ++i) {
      const at::Tensor received = traffic.receive[peer][i].cpu();
      const at::Tensor expected = RowsFrom(peer, group.rank(), i, received.size(0), received.scalar_type());
      EXPECT_TRUE(at::equal(received, expected)) << "rank " << group.rank() << ", tensor " << i << " from " << peer;
    }
  }
}

void ExchangeAndCheck(Collectives& group, const RowCounts& counts, at::ScalarType dtype = at::kFloat) {
  const Traffic traffic = MakeTraffic(group, counts, dtype);
  const absl::Status status = group.AllToAll(traffic.send, traffic.receive);
  ASSERT_TRUE(status.ok()) << status;
  ExpectReceived(group, traffic);
}

class ConformanceTest : public ::testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    if (GetParam().backend != Backend::kNccl) return;
#ifndef USE_C10D_NCCL
    GTEST_SKIP() << "this build has no NCCL";
#endif
    const int gpus = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
    if (gpus < world_size()) GTEST_SKIP() << "needs " << world_size() << " GPUs, " << gpus << " are here";
  }

  int world_size() const { return GetParam().world_size; }

  // Joins, runs `body` and leaves, on every rank.
  void OnEveryRank(const std::function<void(Collectives&)>& body) {
    std::atomic<int> finished{0};
    RunRanks(GetParam().backend, world_size(), kPatience, [&](int, JoinedGroup group) {
      ASSERT_TRUE(group.ok()) << group.status();
      body(**group);
      const absl::Status left = (*group)->Leave();
      EXPECT_TRUE(left.ok()) << left;
      ++finished;
    });
    EXPECT_EQ(finished, world_size());
  }
};

TEST_P(ConformanceTest, EveryRankKnowsItsNumber) {
  std::atomic<int> sum{0};
  OnEveryRank([&](Collectives& group) {
    EXPECT_EQ(group.world_size(), world_size());
    sum += 1 << group.rank();
  });
  EXPECT_EQ(sum, (1 << world_size()) - 1);
}

TEST_P(ConformanceTest, UnevenRowsComeToTheirPlaces) {
  OnEveryRank([](Collectives& group) {
    ExchangeAndCheck(group, [](int sender, int receiver) { return std::vector<int64_t>{1 + 2 * sender + receiver}; });
    ExchangeAndCheck(group, [](int sender, int receiver) { return std::vector<int64_t>{7 - 2 * sender - receiver}; });
  });
}

TEST_P(ConformanceTest, SeveralTensorsArriveInTheirOrder) {
  OnEveryRank([](Collectives& group) {
    ExchangeAndCheck(group, [](int sender, int receiver) { return std::vector<int64_t>{1 + sender, 2, 1 + receiver}; });
    ExchangeAndCheck(group, [](int, int receiver) { return std::vector<int64_t>(receiver, 2); });
  });
}

TEST_P(ConformanceTest, NothingToSendIsAllowed) {
  OnEveryRank([](Collectives& group) {
    ExchangeAndCheck(
        group, [](int sender, int receiver) { return std::vector<int64_t>{sender == 0 && receiver == 0 ? 3 : 0}; });
    ExchangeAndCheck(group, [](int sender, int receiver) { return std::vector<int64_t>{receiver > sender ? 2 : 0}; });
    ExchangeAndCheck(group, [](int, int) { return std::vector<int64_t>{0, 1, 0}; });
    ExchangeAndCheck(group, [](int, int) { return std::vector<int64_t>{}; });
  });
}

TEST_P(ConformanceTest, EveryDtypeOfAStreamIsCarried) {
  OnEveryRank([](Collectives& group) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
      ExchangeAndCheck(
          group, [](int sender, int) { return std::vector<int64_t>{2 + sender}; }, dtype);
    }
  });
}

TEST_P(ConformanceTest, LargeTensorsArriveWhole) {
  OnEveryRank([](Collectives& group) {
    ExchangeAndCheck(group, [](int sender, int) { return std::vector<int64_t>{200'000 + sender, 100'000}; });
  });
}

TEST_P(ConformanceTest, BuffersAreUsedAgainAndAgain) {
  OnEveryRank([](Collectives& group) {
    const Traffic traffic = MakeTraffic(
        group,
        [](int sender, int receiver) {
          return std::vector<int64_t>{3 + sender, 2 + receiver};
        },
        at::kFloat);
    for (int repetition = 0; repetition < 300; ++repetition) {
      for (const auto& from_peer : traffic.receive) {
        for (const at::Tensor& tensor : from_peer) tensor.zero_();
      }
      const absl::Status status = group.AllToAll(traffic.send, traffic.receive);
      ASSERT_TRUE(status.ok()) << status;
      ExpectReceived(group, traffic);
    }
  });
}

TEST_P(ConformanceTest, MessagesOfDifferingSizesReachEverybody) {
  OnEveryRank([](Collectives& group) {
    const std::vector<std::string> all = {std::string(70'000, 'x'), "", std::string("a\0b", 3)};
    for (int repetition = 0; repetition < 3; ++repetition) {
      const auto gathered = group.AllGatherBytes(all[group.rank()]);
      ASSERT_TRUE(gathered.ok()) << gathered.status();
      EXPECT_THAT(*gathered, ElementsAreArray(all.begin(), all.begin() + group.world_size()));
    }
    const auto empty = group.AllGatherBytes("");
    ASSERT_TRUE(empty.ok()) << empty.status();
    EXPECT_EQ(*empty, std::vector<std::string>(group.world_size()));
  });
}

TEST_P(ConformanceTest, NobodyLeavesTheBarrierBeforeAllHaveComeToIt) {
  std::atomic<int> arrived{0};
  OnEveryRank([&](Collectives& group) {
    for (int round = 1; round <= 20; ++round) {
      ++arrived;
      ASSERT_TRUE(group.Barrier().ok());
      EXPECT_GE(arrived, round * world_size());
      ASSERT_TRUE(group.Barrier().ok());
    }
  });
}

TEST_P(ConformanceTest, WaitUntilAsksUntilItIsDone) {
  OnEveryRank([](Collectives& group) {
    int asked = 0;
    const absl::Status status = group.WaitUntil([&] { return ++asked == 3; });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(asked, 3);
  });
}

TEST_P(ConformanceTest, BadArgumentsAreRefusedAndTheGroupStaysUsable) {
  OnEveryRank([&](Collectives& group) {
    const at::Tensor rows = at::zeros({3, kWidth}, at::TensorOptions(at::kFloat).device(group.device()));
    const TensorsByRank nothing(world_size());
    const auto message_of = [&](const TensorsByRank& send, const TensorsByRank& receive) {
      const absl::Status status = group.AllToAll(send, receive);
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
      return std::string(status.message());
    };
    const auto to_self = [&](const at::Tensor& tensor) {
      TensorsByRank tensors(world_size());
      tensors[group.rank()] = {tensor};
      return tensors;
    };
    EXPECT_THAT(message_of(TensorsByRank(world_size() + 1), nothing),
                HasSubstr(absl::StrCat("send has lists for ", world_size() + 1, " ranks")));
    EXPECT_THAT(message_of(nothing, TensorsByRank()), HasSubstr("receive has lists for 0 ranks"));
    EXPECT_THAT(message_of(to_self(rows.t()), nothing),
                HasSubstr(absl::StrCat("send[", group.rank(), "][0] is not a contiguous tensor")));
    EXPECT_THAT(message_of(to_self(at::Tensor()), nothing), HasSubstr("send["));
    EXPECT_THAT(message_of(to_self(rows), nothing), HasSubstr("sends itself 1 tensors, but receives 0"));
    EXPECT_THAT(message_of(to_self(rows), to_self(rows.to(at::kHalf))), HasSubstr("60 bytes, what it receives 30"));
    ExchangeAndCheck(group, [](int, int) { return std::vector<int64_t>{2}; });
  });
}

// Ranks that end right after leaving, again and again: none may take another's end for an error.
TEST_P(ConformanceTest, WhoHasLeftDisturbsNobody) {
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) OnEveryRank([](Collectives&) {});
}

// Where a test's ranks wait for each other outside of their group. With rank 0 the store ends from which the others
// read who is missing.
class Latch {
 public:
  explicit Latch(int count) : count_(count) {}
  void Arrive() {
    if (--count_ == 0) all_arrived_.Notify();
  }
  void Wait() { all_arrived_.WaitForNotification(); }

 private:
  std::atomic<int> count_;
  absl::Notification all_arrived_;
};

// The last rank never comes; the others get the same error again and again.
TEST_P(ConformanceTest, RankThatNeverCallsIsNamedWithWhatItDoes) {
  if (world_size() == 1) GTEST_SKIP() << "needs a peer";
  const int silent = world_size() - 1;
  Latch given_up(world_size() - 1);
  RunRanks(GetParam().backend, world_size(), kShort, [&](int rank, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    if (rank == silent) {
      (*group)->SetPhase("step 3, block 1");
      given_up.Wait();
      return;
    }
    (*group)->SetPhase("step 4, block 2");
    const Traffic traffic = MakeTraffic(
        **group, [](int, int) { return std::vector<int64_t>{2}; }, at::kFloat);
    absl::Status status = (*group)->AllToAll(traffic.send, traffic.receive);
    if (status.ok()) status = (*group)->Barrier();  // On a GPU an operation waits for nothing by itself.
    EXPECT_EQ((*group)->Barrier(), status);
    given_up.Arrive();
    given_up.Wait();
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(absl::StrCat("rank ", rank, ": step 4, block 2: ")),
                      HasSubstr(absl::StrCat("waiting for rank ", silent)), HasSubstr("at step 3, block 1")));
    if (world_size() > 2) return;  // Who gives up first may end the waiting of the others.
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no progress for 2 s; "));
  });
}

// One rank is busy for longer than the timeout: until another one has given up on it, or would have long since.
TEST_P(ConformanceTest, AwaitAllOutlastsTheTimeout) {
  absl::Notification somebody_gave_up;
  RunRanks(GetParam().backend, world_size(), absl::Seconds(1), [&](int rank, JoinedGroup group) {
    ASSERT_TRUE(group.ok()) << group.status();
    if (rank == world_size() - 1) somebody_gave_up.WaitForNotificationWithTimeout(absl::Seconds(3));
    const absl::Status awaited = (*group)->AwaitAll();
    EXPECT_TRUE(awaited.ok()) << awaited;
    if (!awaited.ok() && !somebody_gave_up.HasBeenNotified()) somebody_gave_up.Notify();
    const absl::Status left = (*group)->Leave();
    EXPECT_TRUE(left.ok()) << left;
  });
}

TEST_P(ConformanceTest, NobodyReturnsFromAwaitAllBeforeAllHaveComeToIt) {
  std::atomic<int> arrived{0};
  OnEveryRank([&](Collectives& group) {
    for (int round = 1; round <= 3; ++round) {
      ++arrived;
      ASSERT_TRUE(group.AwaitAll().ok());
      EXPECT_GE(arrived, round * world_size());
      ASSERT_TRUE(group.Barrier().ok());
    }
  });
}

TEST(InProcessTest, NobodyWaitsForARankThatHasEnded) {
  std::vector<std::unique_ptr<Collectives>> group = MakeInProcessGroup(2, absl::Seconds(30));
  group[1].reset();
  const absl::Status status = group[0]->AwaitAll();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "rank 0: waiting for all ranks: waiting for rank 1 (has ended)");
  EXPECT_EQ(group[0]->Barrier(), status);
}

TEST(InProcessTest, NamesTheRankThatHasEndedAndNotOneThatMayStillCome) {
  std::vector<std::unique_ptr<Collectives>> group = MakeInProcessGroup(3, absl::Seconds(30));
  group[1].reset();
  const absl::Status status = group[2]->Barrier();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), testing::EndsWith(": waiting for rank 1 (has ended)"));
}

TEST_P(ConformanceTest, RankThatDiesIsNamedWellBeforeTheTimeout) {
  if (world_size() == 1) GTEST_SKIP() << "needs a peer";
  Latch joined(world_size());
  Latch given_up(world_size() - 1);
  RunRanks(GetParam().backend, world_size(), kPatience, [&](int rank, JoinedGroup group) {
    joined.Arrive();
    ASSERT_TRUE(group.ok()) << group.status();
    joined.Wait();
    if (rank == 1) return;
    const Traffic traffic = MakeTraffic(
        **group, [](int, int) { return std::vector<int64_t>{2}; }, at::kFloat);
    absl::Status status = (*group)->AllToAll(traffic.send, traffic.receive);
    if (status.ok()) status = (*group)->Barrier();
    given_up.Arrive();
    given_up.Wait();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(absl::StrCat("rank ", rank, ": ")), HasSubstr("waiting for rank 1 (")));
  });
}

INSTANTIATE_TEST_SUITE_P(Implementations, ConformanceTest,
                         ::testing::ValuesIn(std::vector<Implementation>{{Backend::kInProcess, 1},
                                                                         {Backend::kInProcess, 2},
                                                                         {Backend::kInProcess, 3},
                                                                         {Backend::kGloo, 2},
                                                                         {Backend::kGloo, 3},
                                                                         {Backend::kNccl, 1},
                                                                         {Backend::kNccl, 2}}),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace seedbed
