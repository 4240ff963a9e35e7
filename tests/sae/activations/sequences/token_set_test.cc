#include "sae/activations/sequences/token_set.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "common/random.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

std::vector<int64_t> RandomIds(SplitMix64& random, size_t count, uint64_t below) {
  std::set<int64_t> ids;
  while (ids.size() < count) ids.insert(static_cast<int64_t>(random.Below(below)));
  return {ids.begin(), ids.end()};
}

template <typename Token>
void ExpectCountsEvery(size_t ids, uint64_t vocabulary) {
  SplitMix64 random(ids);
  const std::vector<int64_t> chosen = RandomIds(random, ids, vocabulary);
  const TokenSet set(chosen);
  std::vector<Token> tokens(1000);
  for (Token& token : tokens) token = static_cast<Token>(random.Below(vocabulary));
  int64_t expected = 0;
  for (const Token token : tokens) {
    const bool is_in = std::find(chosen.begin(), chosen.end(), int64_t{token}) != chosen.end();
    EXPECT_EQ(set.Contains(token), is_in) << token;
    expected += is_in;
  }
  EXPECT_EQ(set.CountIn(absl::Span<const Token>(tokens)), expected) << ids << " ids";
}

TEST(TokenSetTest, CountsFewIdsAndMany) {
  for (const size_t ids : {0, 1, 2, 16, 17, 200, 1024}) {
    ExpectCountsEvery<uint16_t>(ids, 2000);
    ExpectCountsEvery<uint32_t>(ids, 2000);
    ExpectCountsEvery<uint32_t>(ids, uint64_t{1} << 20);
  }
}

TEST(TokenSetTest, CountsMoreTokensThanALaneHolds) {
  const std::vector<uint16_t> tokens(200'000, 7);
  EXPECT_EQ(TokenSet({7}).CountIn(absl::Span<const uint16_t>(tokens)), 200'000);
}

TEST(TokenSetTest, IdsWithEqualLowBitsDiffer) {
  const TokenSet set({65'536 + 5});
  EXPECT_TRUE(set.Contains(65'541));
  EXPECT_FALSE(set.Contains(5));
  EXPECT_FALSE(set.Contains(2 * 65'536 + 5));
  const std::vector<uint16_t> narrow = {5, 5};
  EXPECT_EQ(set.CountIn(absl::Span<const uint16_t>(narrow)), 0);
}

TEST(TokenSetTest, KnowsTheLargestIds) {
  const int64_t largest = std::numeric_limits<uint32_t>::max();
  const std::vector<uint32_t> tokens = {0, std::numeric_limits<uint32_t>::max()};
  EXPECT_EQ(TokenSet({0, largest}).CountIn(absl::Span<const uint32_t>(tokens)), 2);
}

}  // namespace
}  // namespace seedbed
