#include "server/scheduler/packing.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using testing::ElementsAre;

TEST(Packing, KeepsSiblingsTogether) {
  // Sets of three in gangs of four: one set each, though a fourth run would fit.
  std::vector<PackableRun> runs;
  for (int i = 0; i < 9; ++i) runs.push_back({"key", absl::StrCat("b", i / 3), 0, {}});
  EXPECT_THAT(PackGangs(runs, PackingOptions{4}),
              ElementsAre(ElementsAre(0, 1, 2), ElementsAre(3, 4, 5), ElementsAre(6, 7, 8)));
  EXPECT_THAT(PackGangs(runs, PackingOptions{6}), ElementsAre(ElementsAre(0, 1, 2, 3, 4, 5), ElementsAre(6, 7, 8)));
}

TEST(Packing, SplitsASetThatIsLargerThanAGang) {
  const std::vector<PackableRun> runs(5, PackableRun{"key", "b0", 0, {}});
  EXPECT_THAT(PackGangs(runs, PackingOptions{2}), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4)));
}

TEST(Packing, AGangFitsInTheMemoryOfItsRanks) {
  // Siblings of 30 bytes at one hookpoint, which takes 10.
  std::vector<PackableRun> runs;
  for (int i = 0; i < 6; ++i) runs.push_back({"key", absl::StrCat("b", i / 3), 30, {absl::StrCat("layers.", i / 3)}});
  const auto sizes = [&](int ranks, int64_t rank_bytes) {
    std::vector<int> sizes;
    for (const auto& gang : PackGangs(runs, {64, ranks, rank_bytes, 10}))
      sizes.push_back(static_cast<int>(gang.size()));
    return sizes;
  };
  EXPECT_THAT(sizes(1, 0), ElementsAre(6)) << "not known";
  EXPECT_THAT(sizes(1, 200), ElementsAre(6));
  EXPECT_THAT(sizes(1, 199), ElementsAre(3, 3));
  EXPECT_THAT(sizes(1, 70), ElementsAre(2, 1, 2, 1));
  EXPECT_THAT(sizes(1, 5), ElementsAre(1, 1, 1, 1, 1, 1));
  EXPECT_THAT(sizes(2, 140), ElementsAre(6)) << "a rank has half of them, and at most one more";
  EXPECT_THAT(sizes(2, 139), ElementsAre(3, 3));
}

TEST(Packing, NothingGivesNothing) { EXPECT_TRUE(PackGangs({}, PackingOptions{4}).empty()); }

TEST(Packing, RandomRunsAreInExactlyOneGangOfTheirStream) {
  SplitMix64 random(7);
  for (int trial = 0; trial < 300; ++trial) {
    const int limit = 1 + static_cast<int>(random.Below(9));
    std::vector<PackableRun> runs;
    for (uint64_t i = random.Below(60); i > 0; --i) {
      const std::string stream = absl::StrCat("k", random.Below(3));
      runs.push_back({stream, absl::StrCat(stream, "b", random.Below(8)), 0, {}});
    }
    std::multiset<int> seen;
    const std::vector<std::vector<int>> gangs = PackGangs(runs, PackingOptions{limit});
    for (const std::vector<int>& gang : gangs) {
      ASSERT_FALSE(gang.empty());
      ASSERT_LE(gang.size(), limit);
      for (const int index : gang) {
        seen.insert(index);
        EXPECT_EQ(runs[index].stream_key, runs[gang[0]].stream_key);
      }
    }
    ASSERT_EQ(seen.size(), runs.size());
    ASSERT_EQ(std::set<int>(seen.begin(), seen.end()).size(), runs.size());
    // A set that fits in a gang is in one gang.
    for (int i = 0; i < static_cast<int>(runs.size()); ++i) {
      const auto same = [&](int j) { return runs[j].sibling_set_id == runs[i].sibling_set_id; };
      int size = 0;
      for (int j = 0; j < static_cast<int>(runs.size()); ++j) size += same(j);
      if (size > limit) continue;
      EXPECT_EQ(std::count_if(gangs.begin(), gangs.end(),
                              [&](const auto& gang) { return std::any_of(gang.begin(), gang.end(), same); }),
                1);
    }
  }
}

}  // namespace
}  // namespace seedbed
