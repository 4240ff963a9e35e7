#include "server/scheduler/scheduling_pass.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/explanation.h"
#include "tests/server/scheduler/problem_builder.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Operations that a gang's slowest rank does in so many seconds, whatever the number of ranks.
GangWork Seconds(double seconds) { return {0, seconds, 1}; }

TEST(SchedulingPass, AllSlotsOfAGangOrNone) {
  ProblemBuilder few;
  few.Worker("a", 2).Running("r", {"a/0"});
  few.Waiting("g0", 2);
  EXPECT_THAT(few.Solve(), IsEmpty());
  EXPECT_EQ(few.WaitOf("g0").reason, v1::WAIT_REASON_NEXT);
  ProblemBuilder enough;
  enough.Worker("a", 2).Waiting("g0", 2);
  EXPECT_THAT(enough.Solve(), ElementsAre("g0@a/0 a/1 "));
}

TEST(SchedulingPass, TheHeadHoldsUpThoseBehindItWhileNobodyKnowsWhenItStarts) {
  ProblemBuilder builder;
  builder.Worker("a", 2).Running("r", {"a/0"});
  builder.Waiting("g0", 2);
  builder.Waiting("g1", 1).work = Seconds(1);
  EXPECT_THAT(builder.Solve(), IsEmpty());
  EXPECT_EQ(builder.WaitOf("g1").reason, v1::WAIT_REASON_BEHIND);
  EXPECT_EQ(builder.WaitOf("g1").ahead, 0);
}

TEST(SchedulingPass, FillsInWhatEndsBeforeTheReservation) {
  ProblemBuilder builder;
  builder.Worker("a", 3).Running("r", {"a/0"}, 60);
  builder.Waiting("g0", 3);
  builder.Waiting("long", 1).work = Seconds(61);
  builder.Waiting("unknown", 1);
  builder.Waiting("short", 1).work = Seconds(60);
  EXPECT_THAT(builder.Solve(), ElementsAre("short@a/1 "));
  EXPECT_EQ(builder.WaitOf("g0").start_unix_ms, ProblemBuilder::kNow + 60'000);
  EXPECT_EQ(builder.WaitOf("long").reason, v1::WAIT_REASON_BEHIND);
}

TEST(SchedulingPass, FillsInAnythingOnSlotsThatTheReservationDoesNotNeed) {
  ProblemBuilder builder;
  builder.Worker("a", 4).Running("r", {"a/0", "a/1"}, 60);
  builder.Waiting("g0", 3);
  builder.Waiting("g1", 1);  // One of the four is extra.
  builder.Waiting("g2", 1);
  EXPECT_THAT(builder.Solve(), ElementsAre("g1@a/2 "));
}

TEST(SchedulingPass, AReservationCountsWhatThePassItselfGave) {
  ProblemBuilder builder;
  builder.Worker("a", 2);
  builder.Waiting("first", 1).work = Seconds(100);
  builder.Waiting("head", 2);
  builder.Waiting("fits", 1).work = Seconds(90);
  EXPECT_THAT(builder.Solve(), ElementsAre("first@a/0 ", "fits@a/1 "));
  EXPECT_EQ(builder.WaitOf("head").start_unix_ms, ProblemBuilder::kNow + 100'000);
}

TEST(SchedulingPass, AnOverdueGangMayEndAtAnyMomentSoNothingIsFilledInForIt) {
  ProblemBuilder builder;
  builder.Worker("a", 2).Running("r", {"a/0"}, -5);
  builder.Waiting("g0", 2);
  builder.Waiting("g1", 1).work = Seconds(1);
  EXPECT_THAT(builder.Solve(), IsEmpty());
}

TEST(SchedulingPass, AGangThatNoSlotsAreForHoldsUpNobody) {
  ProblemBuilder builder;
  builder.Worker("a", 2).Gpus("b", 1);
  builder.Waiting("three", 3);
  builder.Waiting("g1", 1);
  EXPECT_THAT(builder.Solve(), ElementsAre("g1@b/0 "));
  EXPECT_EQ(builder.WaitOf("three").reason, v1::WAIT_REASON_NO_SUCH_SLOTS);
  EXPECT_EQ(builder.WaitOf("three").available, 2) << "three slots, but of two kinds";
}

TEST(SchedulingPass, OneKindOfDeviceAGangGpusFirst) {
  ProblemBuilder builder;
  builder.Worker("a", 2).Gpus("b", 2);
  builder.Waiting("g0", 2);
  builder.Waiting("g1", 2);
  EXPECT_THAT(builder.Solve(), ElementsAre("g0@b/0 b/1 ", "g1@a/0 a/1 "));
}

TEST(SchedulingPass, OneMachineAndTheTightestFitThenFewMachines) {
  const auto solve = [](int ranks) {
    ProblemBuilder builder;
    builder.Worker("a", 4).Worker("b", 2).Worker("c", 1).Waiting("g0", ranks);
    return builder.Solve();
  };
  EXPECT_THAT(solve(2), ElementsAre("g0@b/0 b/1 "));
  EXPECT_THAT(solve(1), ElementsAre("g0@c/0 "));
  EXPECT_THAT(solve(5), ElementsAre("g0@a/0 a/1 a/2 a/3 c/0 "));
  ProblemBuilder shared;
  shared.Worker("a", 1, {v1::DEVICE_KIND_CPU, 0, {}, "m", false}).Worker("b", 3);
  shared.Worker("c", 1, {v1::DEVICE_KIND_CPU, 0, {}, "m", false}).Waiting("g0", 2);
  EXPECT_THAT(shared.Solve(), ElementsAre("g0@a/0 c/0 ")) << "two workers of one machine";
}

TEST(SchedulingPass, SlotsHaveTheMemoryAndTheLabels) {
  ProblemBuilder builder;
  builder.Worker("small", 2, {v1::DEVICE_KIND_CUDA, 40, {{"gpu", "a100"}}, "", false});
  builder.Worker("large", 2, {v1::DEVICE_KIND_CUDA, 80, {{"gpu", "h100"}}, "", false});
  builder.Waiting("any", 1).demand = builder.DemandFor(30, {});
  builder.Waiting("memory", 1).demand = builder.DemandFor(41, {});
  builder.Waiting("label", 1).demand = builder.DemandFor(0, {{"gpu", "h100"}});
  builder.Waiting("nowhere", 1).demand = builder.DemandFor(41, {{"gpu", "a100"}});
  builder.Waiting("both", 2).demand = builder.DemandFor(81, {});
  EXPECT_THAT(builder.Solve(), ElementsAre("any@small/0 ", "memory@large/0 ", "label@large/1 "));
  EXPECT_EQ(builder.WaitOf("nowhere").reason, v1::WAIT_REASON_NO_SUCH_SLOTS);
  EXPECT_EQ(builder.WaitOf("both").available, 0);
}

TEST(SchedulingPass, ASlotOfUnknownMemoryIsTakenToHaveEnough) {
  ProblemBuilder builder;
  builder.Worker("a", 1).Waiting("g0", 1).demand = builder.DemandFor(1'000'000, {});
  EXPECT_THAT(builder.Solve(), ElementsAre("g0@a/0 "));
}

TEST(SchedulingPass, ADrainingWorkerGetsNothingAndPromisesNothing) {
  ProblemBuilder builder;
  builder.Worker("a", 1).Worker("b", 2, {v1::DEVICE_KIND_CPU, 0, {}, "", true});
  builder.Running("r", {"b/0"}, 10);
  builder.Waiting("two", 2);
  builder.Waiting("one", 1);
  EXPECT_THAT(builder.Solve(), ElementsAre("one@a/0 "));
  EXPECT_EQ(builder.WaitOf("two").reason, v1::WAIT_REASON_NO_SUCH_SLOTS);
}

TEST(SchedulingPass, SharesFreeSlotsAmongGangsThatTakeAny) {
  const auto solve = [](int slots, int gangs) {
    ProblemBuilder builder;
    builder.Worker("a", slots);
    for (int i = 0; i < gangs; ++i) builder.Waiting(absl::StrCat("g", i), 0);
    return builder.Solve();
  };
  EXPECT_THAT(solve(3, 1), ElementsAre("g0@a/0 a/1 a/2 "));
  EXPECT_THAT(solve(3, 2), ElementsAre("g0@a/0 ", "g1@a/1 a/2 "));
  EXPECT_THAT(solve(2, 3), ElementsAre("g0@a/0 ", "g1@a/1 "));
  EXPECT_THAT(solve(20, 1), ElementsAre("g0@a/0 a/1 a/2 a/3 a/4 a/5 a/6 a/7 ")) << "micro-batches of a block";
}

TEST(SchedulingPass, AGangThatTakesAnyTakesNoMoreThanAreOfUse) {
  ProblemBuilder builder;
  builder.Worker("a", 8).Waiting("g0", 0).work = {0, 100, 3};  // Three runs, and a model that costs nothing.
  EXPECT_THAT(builder.Solve(), ElementsAre("g0@a/0 a/1 a/2 "));
}

TEST(SchedulingPass, PriorityBeforeSubmission) {
  ProblemBuilder builder;
  builder.Worker("a", 1).Waiting("g0", 1);
  builder.Waiting("urgent", 1).priority = 5;
  EXPECT_THAT(builder.Solve(), ElementsAre("urgent@a/0 "));
}

TEST(SchedulingPass, TheUserWithTheLeastForItsShareComesFirst) {
  ProblemBuilder builder;
  builder.Worker("a", 6).Running("r", {"a/0", "a/1"});  // Of user 0.
  const int half = builder.User(/*share=*/0.5, 0);
  for (int i = 0; i < 4; ++i) builder.Waiting(absl::StrCat("g", i), 1);
  for (int i = 0; i < 4; ++i) builder.Waiting(absl::StrCat("h", i), 1).user = half;
  // Usage over share in slots: (2, 0), h; (2, 2), g by submission; (3, 2), h; (3, 4), g.
  EXPECT_THAT(builder.Solve(), ElementsAre("h0@a/2 ", "g0@a/3 ", "h1@a/4 ", "g1@a/5 "));
}

TEST(SchedulingPass, WhatWasHeldLatelyCounts) {
  ProblemBuilder builder;
  builder.Worker("a", 1).Waiting("g0", 1);
  builder.problem().users[0].recent[v1::DEVICE_KIND_CPU] = 0.5;
  builder.Waiting("h0", 1).user = builder.User(1, 0);
  EXPECT_THAT(builder.Solve(), ElementsAre("h0@a/0 "));
}

TEST(SchedulingPass, TheDominantKindOfDeviceCounts) {
  ProblemBuilder builder;
  builder.Worker("a", 10).Gpus("b", 2).Running("r", {"b/0"});  // User 0: half the GPUs.
  const int other = builder.User(1, 0);
  builder.Running("s", {"a/0", "a/1", "a/2", "a/3"}).user = other;  // Two fifths of the CPUs.
  builder.Waiting("g0", 1);
  builder.Waiting("h0", 1).user = other;
  EXPECT_THAT(builder.Solve(), ElementsAre("h0@b/1 ", "g0@a/4 "));
}

TEST(SchedulingPass, QuotasBoundWhatAUserHolds) {
  ProblemBuilder builder;
  builder.Worker("a", 8);
  const int user = builder.User(1, /*most_slots=*/3);
  for (const auto& [id, ranks] : {std::pair("g0", 2), std::pair("g1", 2), std::pair("g2", 1), std::pair("g3", 4)}) {
    builder.Waiting(id, ranks).user = user;
  }
  EXPECT_THAT(builder.Solve(), ElementsAre("g0@a/0 a/1 "));
  EXPECT_EQ(builder.WaitOf("g1").reason, v1::WAIT_REASON_QUOTA_REACHED);
  EXPECT_EQ(builder.WaitOf("g2").reason, v1::WAIT_REASON_QUOTA_REACHED) << "or g1 would never come";
  EXPECT_EQ(builder.WaitOf("g3").reason, v1::WAIT_REASON_QUOTA_TOO_SMALL);
  ProblemBuilder any;
  any.Worker("a", 8);
  any.Waiting("g0", 0).user = any.User(1, 3);
  EXPECT_THAT(any.Solve(), ElementsAre("g0@a/0 a/1 a/2 "));
}

TEST(SchedulingPass, AGangOverQuotaHoldsUpNoOtherUser) {
  ProblemBuilder builder;
  builder.Worker("a", 2);
  const int user = builder.User(1, 1);
  builder.Running("r", {"a/0"}).user = user;
  builder.Waiting("g0", 1).user = user;
  builder.Waiting("h0", 1);
  EXPECT_THAT(builder.Solve(), ElementsAre("h0@a/1 "));
}

TEST(SchedulingPass, AHigherPriorityTakesTheSlotsOfTheLowestThatStartedLast) {
  ProblemBuilder builder;
  builder.Worker("a", 4);
  const auto run = [&](const std::string& id, const std::string& slot, int priority, int64_t placed) {
    RunningGang& gang = builder.Running(id, {slot});
    gang.priority = priority;
    gang.placed_unix_ms = placed;
  };
  run("low-old", "a/0", 0, 1);
  run("low-new", "a/1", 0, 2);
  run("middle", "a/2", 1, 3);
  run("equal", "a/3", 2, 4);
  builder.Waiting("g0", 1).priority = 2;
  EXPECT_THAT(builder.Solve(), ElementsAre("!low-new>g0"));
  EXPECT_EQ(builder.WaitOf("g0").reason, v1::WAIT_REASON_PREEMPTING);
  builder.problem().waiting[0].ranks_wanted = 3;
  EXPECT_THAT(builder.Solve(), ElementsAre("!low-new>g0", "!low-old>g0", "!middle>g0"));
  builder.problem().waiting[0].ranks_wanted = 4;
  EXPECT_THAT(builder.Solve(), IsEmpty()) << "it would not be enough";
  builder.problem().waiting[0].ranks_wanted = 1;
  builder.problem().options.preempt = false;
  EXPECT_THAT(builder.Solve(), IsEmpty());
}

TEST(SchedulingPass, StopsNoMoreThanAreNeeded) {
  ProblemBuilder builder;
  builder.Worker("a", 6);
  builder.Running("large", {"a/0", "a/1", "a/2"}).placed_unix_ms = 1;
  builder.Running("small", {"a/3"}).placed_unix_ms = 2;
  builder.Running("other", {"a/4"}).priority = 9;
  builder.Waiting("g0", 4).priority = 1;  // One slot is free: the three of the large one are enough.
  EXPECT_THAT(builder.Solve(), ElementsAre("!large>g0"));
}

TEST(SchedulingPass, WhatIsStoppingAlreadyIsNotStoppedAgain) {
  ProblemBuilder builder;
  builder.Worker("a", 2).Stopping("a/0").Running("r", {"a/1"});
  builder.Waiting("g0", 1).priority = 1;
  builder.Waiting("g1", 1);
  EXPECT_THAT(builder.Solve(), IsEmpty());
  EXPECT_EQ(builder.WaitOf("g0").reason, v1::WAIT_REASON_PREEMPTING);
}

TEST(SchedulingPass, NobodyElseGetsTheSlotsOfThoseThatWereStopped) {
  ProblemBuilder builder;
  builder.Worker("a", 2).Running("r", {"a/1"});
  builder.Waiting("g0", 2).priority = 1;
  builder.Waiting("g1", 1).work = Seconds(0.001);
  EXPECT_THAT(builder.Solve(), ElementsAre("!r>g0"));
  EXPECT_EQ(builder.WaitOf("g1").reason, v1::WAIT_REASON_BEHIND);
}

TEST(SchedulingPass, AGangThatIsNotReadyHoldsUpNobody) {
  ProblemBuilder builder;
  builder.Worker("a", 1);
  WaitingGang& gang = builder.Waiting("g0", 1);
  gang.not_ready = v1::WAIT_REASON_BACKING_OFF;
  gang.ready_unix_ms = ProblemBuilder::kNow + 500;
  builder.Waiting("g1", 1);
  EXPECT_THAT(builder.Solve(), ElementsAre("g1@a/0 "));
  EXPECT_EQ(builder.WaitOf("g0").start_unix_ms, ProblemBuilder::kNow + 500);
}

TEST(SchedulingPass, ExplainsInOneLineWithTheNumbers) {
  ProblemBuilder builder;
  builder.Worker("a", 3).Worker("b", 1, {v1::DEVICE_KIND_CPU, 0, {}, "", true});
  builder.Running("r", {"a/0"}, 90);
  builder.Waiting("s1-g0", 3);
  builder.Waiting("s1-g1", 0);
  builder.Waiting("s1-g2", 2).demand = builder.DemandFor(1'000'000, {{"gpu", "h100"}});
  builder.Solve();
  const auto explain = [&](int i) {
    return ExplainWait(builder.problem(), i, builder.WaitOf(absl::StrCat("s1-g", i))).explanation();
  };
  EXPECT_EQ(explain(0), "comes next: wants 3 slots, 2 free; by the estimates enough are free in 90.0 s");
  EXPECT_EQ(explain(1), "wants at least 1 slot, 2 free, which are kept for s1-g0, which comes first");
  EXPECT_EQ(
      explain(2),
      "wants 2 slots with 1,000,000 bytes of memory each and labels gpu=h100 of one kind of device; there are 0 like "
      "that: the connected workers have 3 of CPUs and 0 of GPUs, beside 1 of workers that drain");
  EXPECT_THAT(ExplainHeld("s1-g3").explanation(), HasSubstr("held"));
}

}  // namespace
}  // namespace seedbed
