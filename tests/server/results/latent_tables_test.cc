#include "server/results/latent_tables.h"

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/pair_key.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/pairs/stored_pair.h"
#include "tests/common/testing.h"
#include "tests/server/results/fixtures.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class LatentTablesTest : public ::testing::Test {
 protected:
  LatentTablesTest() : agreement_(TestAnswer(TestRequest("sweep", "set", "content"))) {
    identity_ =
        PairIdentity(agreement_.dictionaries(0).manifest_sha256(), agreement_.dictionaries(1).manifest_sha256());
    path_ = folder_.Path(PairFileName(identity_));
  }

  // Latents 0, 1, 2 of a have the counterparts 1, none, 0 of two; cosines .5, 0, .25.
  void StorePair() {
    v1::StoredPair pair;
    pair.set_identity(identity_);
    for (v1::SideMatching* side : {pair.mutable_decoder(), pair.mutable_encoder()}) {
      for (const int latent : {1, -1, 0}) side->add_counterpart(latent);
      for (const double cosine : {.5, 0., .25}) side->add_cosine(cosine);
      for (int i = 0; i < 3; ++i) side->add_largest_a(1);
      for (int i = 0; i < 2; ++i) side->add_largest_b(1);
    }
    ASSERT_TRUE(WriteFileDurably(path_, FormatStoredPair(pair)).ok());
  }

  absl::StatusOr<std::vector<v1::StreamLatentsResponse>> Pair(int a, int b) {
    v1::DictionaryPair pair;
    pair.set_a(a);
    pair.set_b(b);
    return PairChunks(folder_.path(), agreement_, pair);
  }

  void AddStability(const std::string& table) {
    const std::string name = absl::StrCat("dictionary-", agreement_.stability().files_size(), ".csv");
    ASSERT_TRUE(WriteFileDurably(folder_.Path(name), table).ok());
    agreement_.mutable_stability()->set_path(folder_.path());
    v1::ArtifactFile* file = agreement_.mutable_stability()->add_files();
    file->set_name(name);
    file->set_sha256(Sha256Hex(table));
  }

  const TempFolder folder_;
  v1::Agreement agreement_;
  std::string identity_;
  std::string path_;
};

TEST_F(LatentTablesTest, APairIsReadFromEitherEnd) {
  StorePair();
  const auto forward = Pair(0, 1);
  ASSERT_TRUE(forward.ok()) << forward.status();
  ASSERT_THAT(*forward, SizeIs(1));
  EXPECT_THAT(forward->at(0).pair().decoder_counterpart(), ElementsAre(1, -1, 0));
  EXPECT_THAT(forward->at(0).pair().encoder_cosine(), ElementsAre(.5, 0, .25));
  const auto backward = Pair(1, 0);
  ASSERT_TRUE(backward.ok()) << backward.status();
  EXPECT_THAT(backward->at(0).pair().encoder_counterpart(), ElementsAre(2, 0));
  EXPECT_THAT(backward->at(0).pair().decoder_cosine(), ElementsAre(.25, .5));
}

TEST_F(LatentTablesTest, APairThatIsNoneIsNamed) {
  EXPECT_THAT(std::string(Pair(0, 3).status().message()), HasSubstr("pair.b: is 3; must be 0..2"));
  EXPECT_THAT(std::string(Pair(-1, 0).status().message()), HasSubstr("pair.a: is -1"));
  EXPECT_THAT(std::string(Pair(1, 1).status().message()), HasSubstr("must be another"));
}

TEST_F(LatentTablesTest, AMatchingThatIsGoneOrDamagedIsNamed) {
  const auto gone = Pair(0, 1);
  EXPECT_EQ(gone.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(gone.status().message()), HasSubstr(path_));
  StorePair();
  std::string bytes = ReadFile(path_).value();
  bytes.back() ^= 1;
  ASSERT_TRUE(WriteFileDurably(path_, bytes).ok());
  EXPECT_EQ(Pair(0, 1).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(LatentTablesTest, StabilityComesInChunksOfEachDictionary) {
  std::string large = "latent,mean_decoder_cosine,mean_encoder_cosine,found_in,siblings\n";
  for (int64_t i = 0; i <= kLatentsPerChunk; ++i) absl::StrAppend(&large, i, ",0.5,0.25,1,2\n");
  AddStability(large);
  AddStability("latent,mean_decoder_cosine,mean_encoder_cosine,found_in,siblings,firing_frequency\n0,1,1,2,2,.1\n");
  const auto chunks = StabilityChunks(agreement_);
  ASSERT_TRUE(chunks.ok()) << chunks.status();
  ASSERT_THAT(*chunks, SizeIs(3));
  EXPECT_EQ(chunks->at(1).first_latent(), kLatentsPerChunk);
  EXPECT_THAT(chunks->at(1).stability().mean_encoder_cosine(), ElementsAre(0.25));
  EXPECT_EQ(chunks->at(2).stability().dictionary(), 1);
  EXPECT_THAT(chunks->at(2).stability().found_in(), ElementsAre(2));
  EXPECT_EQ(chunks->at(2).stability().siblings(), 2);
}

TEST_F(LatentTablesTest, AStabilityThatIsNoneGoneOrChangedIsNamed) {
  EXPECT_EQ(StabilityChunks(agreement_).status().code(), absl::StatusCode::kFailedPrecondition);
  AddStability("latent\n");
  const std::string path = folder_.Path("dictionary-0.csv");
  ASSERT_TRUE(WriteFileDurably(path, "changed").ok());
  const auto changed = StabilityChunks(agreement_);
  EXPECT_EQ(changed.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(changed.status().message()), HasSubstr(Sha256Hex("changed")));
  EXPECT_THAT(std::string(changed.status().message()), HasSubstr(Sha256Hex("latent\n")));
  ASSERT_TRUE(RemoveAll(path).ok());
  EXPECT_THAT(std::string(StabilityChunks(agreement_).status().message()), HasSubstr("is gone"));
}

TEST_F(LatentTablesTest, ALineThatIsNoneIsNamed) {
  AddStability("latent\n0,1,1,x,2\n");
  EXPECT_THAT(std::string(StabilityChunks(agreement_).status().message()), HasSubstr("\"0,1,1,x,2\""));
}

}  // namespace
}  // namespace seedbed
