// Which latents are dead, in the count of each convention.
#include "sae/arch/cpu/firing_record.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kRows = 10;

SaeConfig ConfigOf(Convention convention) {
  SaeConfig config;
  config.convention = convention;
  config.latents = 4;
  config.dead_after_tokens = 20;
  return config;
}

// One batch in which these latents fire.
void Fire(const std::vector<int64_t>& latents, FiringRecord* firing) {
  firing->BeginBatch();
  for (const int64_t latent : latents) firing->MarkFired(latent);
  firing->EndBatch(kRows);
}

std::vector<uint32_t> Dead(const FiringRecord& firing) {
  std::vector<uint32_t> dead = {77};
  firing.FindDead(kRows, &dead);
  return dead;
}

TEST(FiringRecord, IsDeadAfterMoreThanTheAllowedRowsBeforeTheBatch) {
  for (const Convention convention : {Convention::kSparsify, Convention::kSaeLens}) {
    FiringRecord firing(ConfigOf(convention));
    Fire({0, 1}, &firing);
    Fire({0, 2}, &firing);
    firing.BeginBatch();
    EXPECT_THAT(Dead(firing), IsEmpty()) << "latent 3 rests for 20 rows";
    EXPECT_EQ(firing.DeadLatents(), 0);
    Fire({0}, &firing);
    firing.BeginBatch();
    firing.MarkFired(3);
    EXPECT_THAT(Dead(firing), ElementsAre(3)) << "although it fires in this batch";
    EXPECT_EQ(firing.DeadLatents(), 1);
  }
}

TEST(FiringRecord, OfDictionaryLearningCountsTheBatchIn) {
  FiringRecord firing(ConfigOf(Convention::kDictionaryLearning));
  Fire({0, 1}, &firing);
  firing.BeginBatch();
  EXPECT_THAT(Dead(firing), ElementsAre(2, 3)) << "20 rows with this batch";
  firing.MarkFired(3);
  EXPECT_THAT(Dead(firing), ElementsAre(2));
  EXPECT_EQ(firing.DeadLatents(), 0) << "the batch is not over";
}

TEST(FiringRecord, ABatchThatIsNotEndedCountsForNothing) {
  FiringRecord firing(ConfigOf(Convention::kSparsify));
  for (int i = 0; i < 3; ++i) Fire({0, 1, 2}, &firing);
  firing.BeginBatch();
  firing.MarkFired(3);
  EXPECT_EQ(firing.DeadLatents(), 1);
  firing.BeginBatch();
  EXPECT_THAT(Dead(firing), ElementsAre(3));
  Fire({}, &firing);
  EXPECT_EQ(firing.DeadLatents(), 1) << "the mark was taken back";
}

TEST(FiringRecord, EntriesFireWithOrWithoutThoseThatAreZero) {
  RowEntries entries;
  entries.Resize(2, 2);
  entries.counts = {1, 2};
  entries.latents = {0, 3, 1, 0};  // Latent 3 is kept with the activation 0.
  for (const bool zeros : {false, true}) {
    FiringRecord firing(ConfigOf(Convention::kDictionaryLearning));
    Fire({0, 1, 2, 3}, &firing);
    Fire({2}, &firing);
    firing.BeginBatch();
    firing.MarkFired(entries, zeros);
    if (zeros) {
      EXPECT_THAT(Dead(firing), IsEmpty());
    } else {
      EXPECT_THAT(Dead(firing), ElementsAre(3));
    }
  }
}

}  // namespace
}  // namespace seedbed
