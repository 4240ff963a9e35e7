#include "sae/evaluation/held_out.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kLength = 4;

// (file, sequence)
using Place = std::pair<size_t, int64_t>;

class HeldOutTest : public ::testing::Test {
 protected:
  HeldOutTest() {
    config_.sequence_length = kLength;
    config_.micro_batch_sequences = 2;
    config_.seed = 11;
  }

  std::string WriteFile(const std::string& name, int64_t sequences) {
    return WriteNumberedTokens(folder_, sequences * kLength, 100000, name);
  }

  TokenMixture Open(const std::vector<MixtureFile>& files) {
    TokenMixture mixture = TokenMixture::Open(files, kLength).value();
    config_.sequences = mixture.sequences();
    return mixture;
  }

  std::vector<Place> HeldOut(const TokenMixture& mixture, int64_t sequences) {
    const std::vector<SequenceOrder::Location> locations = HeldOutLocations(config_, mixture, sequences).value();
    std::vector<Place> places;
    for (const SequenceOrder::Location& at : locations) places.push_back({at.file, at.sequence});
    return places;
  }

  std::set<Place> TrainedOn(const TokenMixture& mixture) {
    const SequenceOrder order(config_, &mixture);
    std::set<Place> places;
    for (int64_t i = 0; i < mixture.sequences(); ++i) {
      const SequenceOrder::Location at = order.At(i);
      places.insert({at.file, at.sequence});
    }
    return places;
  }

  TemporaryFolder folder_;
  StreamConfig config_;
};

TEST_F(HeldOutTest, NoSequenceIsAlsoTrainedOnAndNoneIsThereTwice) {
  const std::string a = WriteFile("a", 301);
  const std::string b = WriteFile("b", 40);
  for (const bool shuffled : {true, false}) {
    for (const uint64_t seed : {0, 1, 2}) {
      config_.shuffled = shuffled;
      config_.seed = seed;
      const TokenMixture mixture = Open({{a, 200}, {b, 20}});
      const std::vector<Place> held_out = HeldOut(mixture, 100);
      const std::set<Place> trained_on = TrainedOn(mixture);
      EXPECT_EQ(trained_on.size(), 220);
      EXPECT_EQ(std::set<Place>(held_out.begin(), held_out.end()).size(), 100);
      for (const Place& place : held_out) {
        EXPECT_EQ(trained_on.count(place), 0) << place.first << " " << place.second;
        EXPECT_LT(place.second, place.first == 0 ? 301 : 40);
      }
    }
  }
}

TEST_F(HeldOutTest, FilesGiveTheirShares) {
  const TokenMixture mixture = Open({{WriteFile("a", 400), 300}, {WriteFile("b", 150), 100}});
  const std::vector<Place> held_out = HeldOut(mixture, 100);
  EXPECT_EQ(std::count_if(held_out.begin(), held_out.end(), [](const Place& place) { return place.first == 0; }), 75);
}

TEST_F(HeldOutTest, OfAnUnshuffledStreamAreTheLast) {
  config_.shuffled = false;
  const TokenMixture mixture = Open({{WriteFile("a", 10), 6}});
  EXPECT_THAT(HeldOut(mixture, 3), ElementsAre(Place{0, 7}, Place{0, 8}, Place{0, 9}));
}

TEST_F(HeldOutTest, ALongerTrainingIsEvaluatedOnTheSameTokens) {
  const std::string a = WriteFile("a", 300);
  const std::string b = WriteFile("b", 100);
  const std::vector<Place> expected = HeldOut(Open({{a, 30}, {b, 10}}), 40);
  EXPECT_EQ(HeldOut(Open({{a, 210}, {b, 70}}), 40), expected);
  config_.seed += 1;
  EXPECT_NE(HeldOut(Open({{a, 210}, {b, 70}}), 40), expected);
}

TEST_F(HeldOutTest, ReadsMicroBatchesAndLeavesOutRowsAsTrainingDoes) {
  config_.shuffled = false;
  config_.exclude_first = 1;
  config_.exclude_tokens = {22, 27};
  const TokenMixture mixture = Open({{WriteFile("a", 8), 2}});
  const std::vector<MicroBatch> read = ReadHeldOut(config_, mixture, 3).value();
  ASSERT_EQ(read.size(), 2);
  EXPECT_EQ(read[0].tokens.sizes(), at::IntArrayRef({2, kLength}));
  EXPECT_EQ(read[1].tokens.sizes(), at::IntArrayRef({1, kLength}));
  const auto values = [](const at::Tensor& tensor) {
    return std::vector<int64_t>(tensor.const_data_ptr<int64_t>(), tensor.const_data_ptr<int64_t>() + tensor.numel());
  };
  EXPECT_THAT(values(read[0].tokens), ElementsAre(20, 21, 22, 23, 24, 25, 26, 27));
  EXPECT_THAT(values(read[0].kept_rows), ElementsAre(1, 3, 5, 6));
  EXPECT_THAT(values(read[1].kept_rows), ElementsAre(1, 2, 3));
}

TEST_F(HeldOutTest, AllThatIsLeftMayBeHeldOutAndNoMore) {
  const std::string a = WriteFile("a", 10);
  const TokenMixture mixture = Open({{a, 7}});
  EXPECT_EQ(HeldOut(mixture, 3).size(), 3);
  const absl::Status status = HeldOutLocations(config_, mixture, 4).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(
      status.message(),
      a + ": has 10 sequences of 4 tokens, of which 7 are trained on; at most the other 3 can be held out, not 4");
  EXPECT_EQ(ReadHeldOut(config_, mixture, 4).status(), status);
}

// The other file would have enough.
TEST_F(HeldOutTest, NamesTheFileThatHasTooFew) {
  const std::string b = WriteFile("b", 10);
  const TokenMixture mixture = Open({{WriteFile("a", 1000), 10}, {b, 10}});
  const absl::Status status = HeldOutLocations(config_, mixture, 20).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(status.message(), HasSubstr(b + ": has 10 sequences"));
}

// Of all sequences only the last position is kept, which predicts nothing.
TEST_F(HeldOutTest, RefusesTokensOfWhichNoneCounts) {
  const TokenMixture mixture = Open({{WriteFile("a", 10), 7}});
  config_.exclude_first = kLength - 1;
  const absl::Status status = CheckHeldOut(config_, mixture, 3);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("no position of the 3 held-out sequences of 4 tokens"));
  EXPECT_EQ(ReadHeldOut(config_, mixture, 3).status(), status);
  config_.exclude_first = kLength - 2;
  EXPECT_TRUE(CheckHeldOut(config_, mixture, 3).ok());
}

TEST_F(HeldOutTest, RefusesToHoldOutNothing) {
  const TokenMixture mixture = Open({{WriteFile("a", 10), 7}});
  for (const int64_t sequences : {0, -1}) {
    const absl::Status status = HeldOutLocations(config_, mixture, sequences).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("must be at least 1"));
  }
}

TEST_F(HeldOutTest, NamesATokenBeyondTheVocabulary) {
  config_.shuffled = false;
  std::vector<uint16_t> tokens(10 * kLength, 0);
  tokens.back() = 100;
  const std::string path = WriteTokens(folder_, "a", tokens, 100);
  const TokenMixture mixture = Open({{path, 7}});
  const absl::Status status = ReadHeldOut(config_, mixture, 3).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(path));
}

}  // namespace
}  // namespace seedbed
