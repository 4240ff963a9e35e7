#include "server/scheduler/placement.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/retry_policy.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kNow = 1'000'000;

std::vector<FreeSlot> Slots(const std::string& worker, int count, v1::DeviceKind device = v1::DEVICE_KIND_CPU) {
  std::vector<FreeSlot> slots;
  const std::string prefix = device == v1::DEVICE_KIND_CUDA ? "cuda:" : "cpu:";
  for (int i = 0; i < count; ++i) slots.push_back({worker, absl::StrCat(prefix, i), device});
  return slots;
}

std::vector<FreeSlot> Join(std::vector<FreeSlot> a, const std::vector<FreeSlot>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

LiveSlots LiveOf(const std::vector<FreeSlot>& slots) {
  LiveSlots live;
  for (const FreeSlot& slot : slots) ++(slot.device == v1::DEVICE_KIND_CUDA ? live.cuda : live.cpu);
  return live;
}

// "g0@a/cpu:0,a/cpu:1" for each placement; all slots that are live are free.
std::vector<std::string> Place(const std::vector<WaitingGang>& waiting, const std::vector<FreeSlot>& free,
                               LiveSlots busy = {}) {
  LiveSlots live = LiveOf(free);
  live.cpu += busy.cpu;
  live.cuda += busy.cuda;
  std::vector<std::string> placements;
  for (const Placement& placement : PlaceGangs(waiting, free, live, kNow, {})) {
    std::string text = absl::StrCat(placement.gang_id, "@");
    for (const FreeSlot& slot : placement.slots) absl::StrAppend(&text, slot.worker, "/", slot.slot, " ");
    placements.push_back(text);
  }
  return placements;
}

TEST(Placement, AllOrNothing) {
  EXPECT_THAT(Place({{"g0", 2}}, Slots("a", 1), LiveSlots{1, 0}), IsEmpty());
  EXPECT_THAT(Place({{"g0", 2}}, Slots("a", 2)), ElementsAre("g0@a/cpu:0 a/cpu:1 "));
}

TEST(Placement, TheHeadOfTheQueueHoldsUpThoseBehindItWhileItCouldFit) {
  EXPECT_THAT(Place({{"g0", 2}, {"g1", 1}}, Slots("a", 1), LiveSlots{1, 0}), IsEmpty());
}

TEST(Placement, AGangTooLargeForTheClusterHoldsUpNobody) {
  EXPECT_THAT(Place({{"g0", 3}, {"g1", 1}}, Slots("a", 1), LiveSlots{1, 0}), ElementsAre("g1@a/cpu:0 "));
  // Three slots, but of two kinds.
  EXPECT_THAT(Place({{"g0", 3}, {"g1", 1}}, Join(Slots("a", 2), Slots("a", 1, v1::DEVICE_KIND_CUDA))),
              ElementsAre("g1@a/cuda:0 "));
}

TEST(Placement, NeverMixesDeviceKinds) {
  const std::vector<FreeSlot> slots = Join(Slots("a", 2), Slots("b", 2, v1::DEVICE_KIND_CUDA));
  EXPECT_THAT(Place({{"g0", 3}}, slots), IsEmpty());
  EXPECT_THAT(Place({{"g0", 2}, {"g1", 2}}, slots), ElementsAre("g0@b/cuda:0 b/cuda:1 ", "g1@a/cpu:0 a/cpu:1 "));
  EXPECT_THAT(Place({{"g0", 0}}, slots), ElementsAre("g0@b/cuda:0 b/cuda:1 "));
}

TEST(Placement, PrefersOneWorkerAndTheTightestFit) {
  const std::vector<FreeSlot> slots = Join(Join(Slots("a", 4), Slots("b", 2)), Slots("c", 1));
  EXPECT_THAT(Place({{"g0", 2}}, slots), ElementsAre("g0@b/cpu:0 b/cpu:1 "));
  EXPECT_THAT(Place({{"g0", 1}}, slots), ElementsAre("g0@c/cpu:0 "));
  EXPECT_THAT(Place({{"g0", 5}}, slots), ElementsAre("g0@a/cpu:0 a/cpu:1 a/cpu:2 a/cpu:3 c/cpu:0 "));
}

TEST(Placement, SharesFreeSlotsAmongGangsThatTakeAny) {
  EXPECT_THAT(Place({{"g0", 0}}, Slots("a", 3)), ElementsAre("g0@a/cpu:0 a/cpu:1 a/cpu:2 "));
  EXPECT_THAT(Place({{"g0", 0}, {"g1", 0}}, Slots("a", 3)), ElementsAre("g0@a/cpu:0 ", "g1@a/cpu:1 a/cpu:2 "));
  EXPECT_THAT(Place({{"g0", 0}, {"g1", 0}, {"g2", 0}}, Slots("a", 2)), ElementsAre("g0@a/cpu:0 ", "g1@a/cpu:1 "));
  const std::vector<Placement> placements = PlaceGangs({{"g0", 0}}, Slots("a", 20), {20, 0}, kNow, {});
  ASSERT_EQ(placements.size(), 1);
  EXPECT_EQ(placements[0].slots.size(), 8) << "as many as there are micro-batches in a block";
}

TEST(Placement, WaitsForTheBackoff) {
  EXPECT_THAT(Place({{"g0", 1, kNow + 1}, {"g1", 1, kNow}}, Slots("a", 1)), ElementsAre("g1@a/cpu:0 "));
  // The wall clock went back by an hour: that is no reason to wait for an hour.
  EXPECT_THAT(Place({{"g0", 1, kNow + 3'600'000}}, Slots("a", 1)), ElementsAre("g0@a/cpu:0 "));
}

// Gangs come and go on a random cluster. Whatever happens, the promises of placement.h hold.
TEST(Placement, RandomHistories) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SplitMix64 random(seed);
    std::vector<FreeSlot> free;
    for (uint64_t worker = random.Below(4) + 1; worker > 0; --worker) {
      const auto device = random.Below(3) == 0 ? v1::DEVICE_KIND_CUDA : v1::DEVICE_KIND_CPU;
      free = Join(free, Slots(absl::StrCat("w", worker), 1 + static_cast<int>(random.Below(5)), device));
    }
    const LiveSlots live = LiveOf(free);
    const int most = std::max(live.cpu, live.cuda);
    std::vector<WaitingGang> waiting;
    for (int i = 0; i < 40; ++i) {
      const int wanted = static_cast<int>(random.Below(most + 2));
      waiting.push_back({absl::StrCat("g", i), wanted, kNow + static_cast<int64_t>(random.Below(3))});
    }
    std::map<std::string, std::vector<FreeSlot>> running;
    std::set<std::pair<std::string, std::string>> taken;
    std::set<std::string> placed;
    int64_t now = kNow;
    for (int round = 0; round < 200; ++round) {
      for (const Placement& placement : PlaceGangs(waiting, free, live, now, {})) {
        const auto gang = std::find_if(waiting.begin(), waiting.end(),
                                       [&](const WaitingGang& w) { return w.gang_id == placement.gang_id; });
        ASSERT_NE(gang, waiting.end());
        ASSERT_LE(gang->not_before_unix_ms, now);
        ASSERT_FALSE(placement.slots.empty());
        if (gang->ranks_wanted > 0) {
          ASSERT_EQ(placement.slots.size(), gang->ranks_wanted);
        }
        ASSERT_LE(placement.slots.size(), std::max(8, gang->ranks_wanted));
        for (const FreeSlot& slot : placement.slots) {
          ASSERT_EQ(slot.device, placement.slots[0].device);
          ASSERT_TRUE(taken.emplace(slot.worker, slot.slot).second) << "two gangs on one slot";
          free.erase(std::find_if(free.begin(), free.end(),
                                  [&](const FreeSlot& f) { return f.worker == slot.worker && f.slot == slot.slot; }));
        }
        running[placement.gang_id] = placement.slots;
        placed.insert(placement.gang_id);
        waiting.erase(gang);
      }
      ++now;
      if (running.empty() || random.Below(2) == 0) continue;
      auto ends = running.begin();
      std::advance(ends, random.Below(running.size()));
      for (const FreeSlot& slot : ends->second) taken.erase({slot.worker, slot.slot});
      free = Join(free, ends->second);
      running.erase(ends);
    }
    // Only those that never fit are left.
    for (const WaitingGang& gang : waiting) EXPECT_GT(gang.ranks_wanted, most) << "seed " << seed;
    EXPECT_FALSE(placed.empty());
  }
}

}  // namespace
}  // namespace seedbed
