#include "worker/daemon/reconciler.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Name(const RankId& id) { return id.FileName(); }
std::vector<std::string> Names(const std::vector<RankId>& ids) {
  std::vector<std::string> names;
  for (const RankId& id : ids) names.push_back(Name(id));
  return names;
}
std::vector<std::string> Names(const std::vector<RankToStop>& stops) {
  std::vector<std::string> names;
  for (const RankToStop& stop : stops) names.push_back(Name(stop.id));
  return names;
}

DesiredState Want(const std::string& gang, int attempt, const std::string& slot, int rank = 0, int world_size = 1,
                  bool rendezvous_known = false) {
  return {{gang, attempt, rank}, slot, world_size, rendezvous_known};
}
ActualState Have(const std::string& gang, int attempt, const std::string& slot, v1::RankState state, int rank = 0) {
  return {{gang, attempt, rank}, slot, state};
}
ReconcileInput Input(std::vector<DesiredState> desired, std::vector<ActualState> actual) {
  ReconcileInput input;
  input.desired = std::move(desired);
  input.actual = std::move(actual);
  input.lease = LeasePhase::kHeld;
  return input;
}

TEST(ReconcilerTest, NothingHappensBeforeTheCoordinatorHasSpoken) {
  ReconcileInput input;
  input.actual = {Have("g", 1, "cpu:0", v1::RANK_STATE_RUNNING), Have("h", 1, "cpu:1", v1::RANK_STATE_EXITED)};
  for (const LeasePhase lease : {LeasePhase::kNone, LeasePhase::kHeld}) {
    input.lease = lease;
    const Plan plan = Reconcile(input);
    EXPECT_THAT(plan.start, IsEmpty());
    EXPECT_THAT(plan.terminate, IsEmpty());
    EXPECT_THAT(plan.kill, IsEmpty());
    EXPECT_THAT(plan.forget, IsEmpty());
  }
}

TEST(ReconcilerTest, StartsWhatIsUnknown) {
  EXPECT_THAT(Names(Reconcile(Input({Want("g", 1, "cpu:0"), Want("h", 1, "cpu:1")}, {})).start),
              ElementsAre("g-a1-r0", "h-a1-r0"));
}

TEST(ReconcilerTest, NeverStartsAKnownKeyWhateverItsState) {
  for (const auto state :
       {v1::RANK_STATE_STARTING, v1::RANK_STATE_RUNNING, v1::RANK_STATE_STOPPING, v1::RANK_STATE_EXITED}) {
    const Plan plan = Reconcile(Input({Want("g", 1, "cpu:0")}, {Have("g", 1, "cpu:0", state)}));
    EXPECT_THAT(plan.start, IsEmpty());
    EXPECT_THAT(plan.forget, IsEmpty());
    EXPECT_THAT(plan.terminate, IsEmpty());
  }
}

TEST(ReconcilerTest, AKeyThatIsDesiredTwiceIsStartedOnce) {
  EXPECT_THAT(Names(Reconcile(Input({Want("g", 1, "cpu:0"), Want("g", 1, "cpu:1")}, {})).start),
              ElementsAre("g-a1-r0"));
}

TEST(ReconcilerTest, OfAKeyThatIsDesiredTwiceTheFirstCounts) {
  EXPECT_THAT(
      Reconcile(Input({Want("g", 1, "cpu:0"), Want("g", 1, "cpu:1")}, {Have("h", 1, "cpu:0", v1::RANK_STATE_RUNNING)}))
          .start,
      IsEmpty());
}

TEST(ReconcilerTest, ASlotIsFreeOnceItsRankHasExited) {
  for (const auto state : {v1::RANK_STATE_STARTING, v1::RANK_STATE_RUNNING, v1::RANK_STATE_STOPPING}) {
    EXPECT_THAT(Reconcile(Input({Want("g", 2, "cpu:0")}, {Have("g", 1, "cpu:0", state)})).start, IsEmpty());
  }
  const Plan plan = Reconcile(Input({Want("g", 2, "cpu:0")}, {Have("g", 1, "cpu:0", v1::RANK_STATE_EXITED)}));
  EXPECT_THAT(Names(plan.start), ElementsAre("g-a2-r0"));
  EXPECT_THAT(Names(plan.forget), ElementsAre("g-a1-r0"));
}

TEST(ReconcilerTest, TwoRanksOfOneSlotGoOneAfterTheOther) {
  EXPECT_THAT(Names(Reconcile(Input({Want("g", 1, "cpu:0"), Want("h", 1, "cpu:0")}, {})).start),
              ElementsAre("g-a1-r0"));
}

TEST(ReconcilerTest, ARankOtherThanZeroWaitsForTheRendezvous) {
  EXPECT_THAT(Names(Reconcile(Input({Want("g", 1, "cpu:1", 1, 2), Want("g", 1, "cpu:0", 0, 2)}, {})).start),
              ElementsAre("g-a1-r0"));
  EXPECT_THAT(Names(Reconcile(Input({Want("g", 1, "cpu:1", 1, 2, true)}, {})).start), ElementsAre("g-a1-r1"));
}

TEST(ReconcilerTest, StopsWhatIsNotDesiredAndForgetsItOnceItHasExited) {
  const Plan plan = Reconcile(
      Input({}, {Have("a", 1, "cpu:0", v1::RANK_STATE_STARTING), Have("b", 1, "cpu:1", v1::RANK_STATE_RUNNING),
                 Have("c", 1, "cpu:2", v1::RANK_STATE_STOPPING), Have("d", 1, "cpu:3", v1::RANK_STATE_EXITED)}));
  EXPECT_THAT(Names(plan.terminate), ElementsAre("a-a1-r0", "b-a1-r0"));
  EXPECT_EQ(plan.terminate[0].reason, StopReason::kNotDesired);
  EXPECT_THAT(plan.kill, IsEmpty());
  EXPECT_THAT(Names(plan.forget), ElementsAre("d-a1-r0"));
}

TEST(ReconcilerTest, AnExitedRankStaysWhileItIsDesired) {
  EXPECT_THAT(Reconcile(Input({Want("g", 1, "cpu:0")}, {Have("g", 1, "cpu:0", v1::RANK_STATE_EXITED)})).forget,
              IsEmpty());
}

TEST(ReconcilerTest, ALeaseThatEndsStopsAndOneThatIsOverKills) {
  ReconcileInput input =
      Input({Want("g", 1, "cpu:0"), Want("h", 1, "cpu:1"), Want("new", 1, "cpu:2")},
            {Have("g", 1, "cpu:0", v1::RANK_STATE_RUNNING), Have("h", 1, "cpu:1", v1::RANK_STATE_STOPPING)});
  input.lease = LeasePhase::kEnding;
  Plan plan = Reconcile(input);
  EXPECT_THAT(Names(plan.terminate), ElementsAre("g-a1-r0"));
  EXPECT_EQ(plan.terminate[0].reason, StopReason::kLeaseEnding);
  EXPECT_THAT(plan.kill, IsEmpty());
  EXPECT_THAT(plan.start, IsEmpty());
  input.lease = LeasePhase::kOver;
  plan = Reconcile(input);
  EXPECT_THAT(Names(plan.terminate), ElementsAre("g-a1-r0"));
  EXPECT_THAT(Names(plan.kill), ElementsAre("g-a1-r0", "h-a1-r0"));
  EXPECT_THAT(plan.start, IsEmpty());
}

TEST(ReconcilerTest, ShuttingDownStopsAllAndStartsNothing) {
  ReconcileInput input =
      Input({Want("g", 1, "cpu:0"), Want("new", 1, "cpu:1")}, {Have("g", 1, "cpu:0", v1::RANK_STATE_RUNNING)});
  input.shutting_down = true;
  const Plan plan = Reconcile(input);
  EXPECT_THAT(Names(plan.terminate), ElementsAre("g-a1-r0"));
  EXPECT_EQ(plan.terminate[0].reason, StopReason::kShutdown);
  EXPECT_THAT(plan.start, IsEmpty());
}

// A worker under a coordinator that changes its mind and processes that end when they like.
class RandomHistory {
 public:
  explicit RandomHistory(uint64_t seed) : random_(seed) {}

  void Step() {
    if (random_.Below(4) == 0) ChangeDesired();
    if (random_.Below(6) == 0) lease_ = static_cast<LeasePhase>(random_.Below(4));
    LetProcessesMove();
    ApplyPlan();
  }

  // The coordinator keeps to one wish and the lease is held: what should run comes to run, and nothing else stays.
  void ExpectConvergence() {
    lease_ = LeasePhase::kHeld;
    for (DesiredState& rank : desired_) rank.rendezvous_known = true;
    for (int i = 0; i < 100; ++i) {
      LetProcessesMove(/*only_stopping=*/true);
      ApplyPlan();
    }
    std::set<RankId> seen;
    for (const DesiredState& rank : desired_) {
      const bool is_repeated = !seen.insert(rank.id).second;
      if (is_repeated || actual_.count(rank.id) > 0) continue;
      // Of several that want one slot, the first holds it for as long as it runs.
      const bool slot_is_busy = std::any_of(actual_.begin(), actual_.end(), [&](const auto& entry) {
        return entry.second.slot_id == rank.slot_id && entry.second.state != v1::RANK_STATE_EXITED;
      });
      EXPECT_TRUE(slot_is_busy) << Name(rank.id) << " was never started";
    }
    for (const auto& [id, rank] : actual_) {
      EXPECT_TRUE(
          std::any_of(desired_.begin(), desired_.end(), [&, &key = id](const auto& want) { return want.id == key; }))
          << Name(id) << " was never forgotten";
    }
  }

 private:
  void ChangeDesired() {
    desired_.clear();
    const int count = static_cast<int>(random_.Below(5));
    for (int i = 0; i < count; ++i) {
      const int rank = static_cast<int>(random_.Below(2));
      desired_.push_back(Want(absl::StrCat("g", random_.Below(3)), static_cast<int>(random_.Below(3)),
                              absl::StrCat("cpu:", random_.Below(3)), rank, 2, random_.Below(2) == 0));
    }
  }

  void LetProcessesMove(bool only_stopping = false) {
    for (auto& [id, rank] : actual_) {
      const bool moves = random_.Below(3) == 0;
      if (rank.state == v1::RANK_STATE_STOPPING && moves) rank.state = v1::RANK_STATE_EXITED;
      if (only_stopping || !moves) continue;
      if (rank.state == v1::RANK_STATE_RUNNING) rank.state = v1::RANK_STATE_EXITED;
      if (rank.state == v1::RANK_STATE_STARTING) rank.state = v1::RANK_STATE_RUNNING;
    }
  }

  void ApplyPlan() {
    ReconcileInput input;
    input.desired = desired_;
    for (const auto& [id, rank] : actual_) input.actual.push_back(rank);
    input.lease = lease_;
    const Plan plan = Reconcile(input);
    for (const RankToStop& stop : plan.terminate) {
      ASSERT_NE(actual_.at(stop.id).state, v1::RANK_STATE_EXITED);
      actual_.at(stop.id).state = v1::RANK_STATE_STOPPING;
    }
    for (const RankId& id : plan.kill) {
      ASSERT_EQ(lease_, LeasePhase::kOver);
      actual_.at(id).state = v1::RANK_STATE_EXITED;
    }
    for (const RankId& id : plan.forget) {
      ASSERT_EQ(actual_.at(id).state, v1::RANK_STATE_EXITED);
      actual_.erase(id);
    }
    for (const RankId& id : plan.start) Start(id);
    ExpectOneRankASlot();
    if (lease_ == LeasePhase::kOver) {
      for (const auto& [id, rank] : actual_) EXPECT_EQ(rank.state, v1::RANK_STATE_EXITED);
    }
  }

  void Start(const RankId& id) {
    ASSERT_EQ(lease_, LeasePhase::kHeld);
    ASSERT_EQ(actual_.count(id), 0u) << Name(id) << " is known";
    const auto want = std::find_if(desired_.begin(), desired_.end(), [&](const auto& rank) { return rank.id == id; });
    ASSERT_NE(want, desired_.end());
    actual_[id] = {id, want->slot_id, v1::RANK_STATE_STARTING};
  }

  void ExpectOneRankASlot() const {
    std::map<std::string, int> processes;
    for (const auto& [id, rank] : actual_) processes[rank.slot_id] += rank.state != v1::RANK_STATE_EXITED;
    for (const auto& [slot, count] : processes) EXPECT_LE(count, 1) << slot;
  }

  SplitMix64 random_;
  std::vector<DesiredState> desired_;
  std::map<RankId, ActualState> actual_;
  LeasePhase lease_ = LeasePhase::kHeld;
};

TEST(ReconcilerPropertyTest, NeverTwoRanksOnASlotAndItConverges) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    RandomHistory history(seed);
    for (int step = 0; step < 60; ++step) history.Step();
    history.ExpectConvergence();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace seedbed
