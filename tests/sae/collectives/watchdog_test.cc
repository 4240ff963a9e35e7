// Ranks that are processes, one of which stops or is killed in the middle of a training.
#include <unistd.h>

#include <atomic>
#include <future>

#include "ATen/ops/zeros.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/subprocess.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/collectives/collectives.h"
#include "tests/sae/collectives/rank_threads.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class WatchdogTest : public ::testing::Test {
 protected:
  WatchdogTest() { PrepareForRankThreads(); }

  // `rank` takes part in two all-to-alls and then does what `end` says (stopping_rank.cc).
  Subprocess SpawnRank(int rank, const std::string& port, const std::string& end) {
    SpawnOptions options;
    options.argv = {STOPPING_RANK, absl::StrCat(rank), absl::StrCat(world_size_), port, end};
    options.fds = {{output_.write_end.get(), STDOUT_FILENO}};
    return Subprocess::Spawn(options).value();
  }

  // The first line that a rank has printed.
  std::string ReadLine() {
    std::string line;
    for (char c = 0; read(output_.read_end.get(), &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

  // Takes part in all-to-alls until one fails, and gives its error.
  static absl::Status TakePart(Collectives& group) {
    const TensorsByRank send(group.world_size(), {at::zeros({1000, 8})});
    TensorsByRank receive;
    for (int peer = 0; peer < group.world_size(); ++peer) receive.push_back({at::zeros({1000, 8})});
    for (int step = 0;; ++step) {
      group.SetPhase(absl::StrCat("step ", step));
      if (const absl::Status status = group.AllToAll(send, receive); !status.ok()) return status;
    }
  }

  GroupOptions OptionsOf(int rank, absl::Duration timeout) const {
    GroupOptions options;
    options.rank = rank;
    options.world_size = world_size_;
    options.group_name = "test/1";
    options.timeout = timeout;
    return options;
  }

  int world_size_ = 2;
  Pipe output_ = MakePipe().value();
};

constexpr absl::Duration kShort = absl::Seconds(2);

TEST_F(WatchdogTest, RankThatStopsIsNamedWithStepAndCollective) {
  std::optional<Subprocess> child;
  GroupOptions options = OptionsOf(0, kShort);
  options.on_listening = [&](int port) { child = SpawnRank(1, absl::StrCat(port), "stop"); };
  const JoinedGroup group = JoinGroup(options);
  ASSERT_TRUE(group.ok()) << group.status();
  const absl::Status status = TakePart(**group);
  EXPECT_EQ(status, absl::DeadlineExceededError("rank 0: step 2: all-to-all: no progress for 2 s; waiting for rank 1 "
                                                "(127.0.0.1, no sign of life)"));
}

// With rank 0 the store stops, too: nobody can say more about it than that it does not answer.
TEST_F(WatchdogTest, RankZeroThatStopsIsNamed) {
  const Subprocess child = SpawnRank(0, "0", "stop");
  GroupOptions options = OptionsOf(1, kShort);
  options.rendezvous_address = absl::StrCat("127.0.0.1:", ReadLine());
  const JoinedGroup group = JoinGroup(options);
  ASSERT_TRUE(group.ok()) << group.status();
  const absl::Status status = TakePart(**group);
  EXPECT_EQ(status, absl::DeadlineExceededError("rank 1: step 2: all-to-all: no progress for 2 s; waiting for rank 0 "
                                                "(127.0.0.1, its rendezvous store does not answer)"));
}

TEST_F(WatchdogTest, RankThatIsKilledIsNamedWellBeforeTheTimeout) {
  std::optional<Subprocess> child;
  GroupOptions options = OptionsOf(0, absl::Seconds(60));
  options.on_listening = [&](int port) { child = SpawnRank(1, absl::StrCat(port), "die"); };
  const JoinedGroup group = JoinGroup(options);
  ASSERT_TRUE(group.ok()) << group.status();
  const absl::Status status = TakePart(**group);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("rank 0: step 2: all-to-all: "),
                                                   HasSubstr("waiting for rank 1 (127.0.0.1, no sign of life)")));
}

// Takes part in two all-to-alls and then waits for all.
absl::Status TakePartAndAwaitAll(Collectives& group) {
  const TensorsByRank send(group.world_size(), {at::zeros({1000, 8})});
  TensorsByRank receive;
  for (int peer = 0; peer < group.world_size(); ++peer) receive.push_back({at::zeros({1000, 8})});
  for (int step = 0; step < 2; ++step) {
    if (const absl::Status status = group.AllToAll(send, receive); !status.ok()) return status;
  }
  group.SetPhase("evaluation");
  return group.AwaitAll();
}

TEST_F(WatchdogTest, NobodyWaitsForEverForARankThatDies) {
  std::optional<Subprocess> child;
  GroupOptions options = OptionsOf(0, kShort);
  options.on_listening = [&](int port) { child = SpawnRank(1, absl::StrCat(port), "die"); };
  const JoinedGroup group = JoinGroup(options);
  ASSERT_TRUE(group.ok()) << group.status();
  const absl::Status status = TakePartAndAwaitAll(**group);
  EXPECT_EQ(status, absl::DeadlineExceededError("rank 0: evaluation: waiting for all ranks: no progress for 2 s; "
                                                "waiting for rank 1 (127.0.0.1, no sign of life)"));
  EXPECT_EQ((*group)->AwaitAll(), status);
}

TEST_F(WatchdogTest, NobodyWaitsForEverForAStoreThatStops) {
  const Subprocess child = SpawnRank(0, "0", "stop");
  GroupOptions options = OptionsOf(1, kShort);
  options.rendezvous_address = absl::StrCat("127.0.0.1:", ReadLine());
  const JoinedGroup group = JoinGroup(options);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(TakePartAndAwaitAll(**group),
            absl::DeadlineExceededError("rank 1: evaluation: waiting for all ranks: no progress for 2 s; "
                                        "waiting for rank 0 (127.0.0.1, its rendezvous store does not answer)"));
}

TEST_F(WatchdogTest, NobodyWaitsForEverForAStoreThatDies) {
  const Subprocess child = SpawnRank(0, "0", "die");
  GroupOptions options = OptionsOf(1, absl::Seconds(60));
  options.rendezvous_address = absl::StrCat("127.0.0.1:", ReadLine());
  const JoinedGroup group = JoinGroup(options);
  ASSERT_TRUE(group.ok()) << group.status();
  const absl::Status status = TakePartAndAwaitAll(**group);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("rank 1: evaluation: waiting for all ranks: "), HasSubstr("waiting for rank 0 (")));
}

// Of three, ranks 0 and 2 are here and wait for rank 1: they name it and not each other.
TEST_F(WatchdogTest, OnlyWhoHasStoppedIsNamed) {
  world_size_ = 3;
  std::optional<Subprocess> child;
  std::promise<std::string> port;
  const std::shared_future<std::string> listening = port.get_future().share();
  std::atomic<int> timeouts{0};
  std::promise<void> rank2_has_given_up;
  const auto run = [&](int rank) {
    GroupOptions options = OptionsOf(rank, kShort);
    options.on_listening = [&](int bound) { port.set_value(absl::StrCat(bound)); };
    if (rank != 0) options.rendezvous_address = absl::StrCat("127.0.0.1:", listening.get());
    const JoinedGroup group = JoinGroup(options);
    ASSERT_TRUE(group.ok()) << group.status();
    const absl::Status status = TakePart(**group);
    // With rank 0 the store ends, from which rank 2 reads who is missing.
    rank == 0 ? rank2_has_given_up.get_future().wait() : rank2_has_given_up.set_value();
    timeouts += absl::IsDeadlineExceeded(status);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(absl::StrCat("rank ", rank, ": step 2: all-to-all: ")),
                      HasSubstr("waiting for rank 1 (127.0.0.1, no sign of life)"), Not(HasSubstr(", rank "))));
  };
  std::thread rank0(run, 0);
  std::thread rank2(run, 2);
  child = SpawnRank(1, listening.get(), "stop");
  rank0.join();
  rank2.join();
  // Who gives up first may end the waiting of the other.
  EXPECT_GE(timeouts, 1);
}

}  // namespace
}  // namespace seedbed
