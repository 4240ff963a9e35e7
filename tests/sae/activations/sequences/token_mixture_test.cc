#include "sae/activations/sequences/token_mixture.h"

#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TokenMixtureTest : public ::testing::Test {
 protected:
  // A file of 20 tokens.
  std::string File(absl::string_view name, absl::string_view tokenizer = "none", int64_t vocabulary_size = 100,
                   absl::string_view fields = "") {
    return WriteTokens<uint16_t>(folder_, name, std::vector<uint16_t>(20, 1), vocabulary_size, fields, tokenizer);
  }

  static std::string RefusalOf(const std::vector<MixtureFile>& files, int64_t sequence_length = 4,
                               absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    const absl::Status status = TokenMixture::Open(files, sequence_length).status();
    EXPECT_EQ(status.code(), code) << status;
    return std::string(status.message());
  }

  TemporaryFolder folder_;
};

TEST_F(TokenMixtureTest, MissingFileIsNamed) {
  EXPECT_THAT(RefusalOf({{File("a"), 1}, {folder_.File("none"), 1}}, 4, absl::StatusCode::kNotFound),
              HasSubstr(folder_.File("none")));
}

TEST_F(TokenMixtureTest, ShortFileSaysWhatItHasAndWhatIsNeeded) {
  EXPECT_THAT(RefusalOf({{File("a"), 5}, {File("b"), 4}}, 6, absl::StatusCode::kOutOfRange),
              AllOf(HasSubstr(folder_.File("a")), HasSubstr("has 20 tokens, 3 sequences of 6; 5 are needed")));
}

TEST_F(TokenMixtureTest, FilesOfDifferentTokenizersAreBothNamed) {
  EXPECT_THAT(RefusalOf({{File("a", "gpt2"), 1}, {File("b", "pythia"), 1}}),
              AllOf(HasSubstr(folder_.File("a")), HasSubstr(folder_.File("b")), HasSubstr("\"gpt2\""),
                    HasSubstr("\"pythia\"")));
  EXPECT_THAT(RefusalOf({{File("a"), 1}, {File("b", "g\\npt2"), 1}}), HasSubstr("\"g\\npt2\""));
  EXPECT_THAT(RefusalOf({{File("a", "gpt2", 100), 1}, {File("b", "gpt2", 101), 1}}),
              AllOf(HasSubstr(folder_.File("a")), HasSubstr(folder_.File("b")), HasSubstr("100"), HasSubstr("101")));
}

TEST_F(TokenMixtureTest, AFileThatIsThereTwiceIsNamed) {
  EXPECT_THAT(RefusalOf({{File("a"), 1}, {File("b"), 1}, {folder_.File("a"), 2}}),
              AllOf(HasSubstr(folder_.File("a")), HasSubstr("twice")));
}

TEST_F(TokenMixtureTest, AFileUnderTwoNamesIsThereTwice) {
  const std::string link = folder_.File("link");
  ASSERT_EQ(symlink(File("a").c_str(), link.c_str()), 0);
  ASSERT_EQ(symlink(folder_.File("a.json").c_str(), folder_.File("link.json").c_str()), 0);
  EXPECT_THAT(RefusalOf({{folder_.File("a"), 1}, {link, 1}}),
              AllOf(HasSubstr(link), HasSubstr(absl::StrCat("also as ", folder_.File("a")))));
}

TEST_F(TokenMixtureTest, NumbersOutOfRangeAreNamed) {
  EXPECT_THAT(RefusalOf({}), HasSubstr("stream.tokens has 0 files; must have 1 to 64"));
  EXPECT_THAT(RefusalOf(std::vector<MixtureFile>(65)), HasSubstr("stream.tokens has 65 files"));
  EXPECT_THAT(RefusalOf({{File("a"), 1}}, 0), HasSubstr("stream.sequence_length is 0"));
  EXPECT_THAT(RefusalOf({{File("a"), 0}}), AllOf(HasSubstr(folder_.File("a")), HasSubstr("0 sequences")));
  const int64_t half = int64_t{1} << 61;
  EXPECT_THAT(RefusalOf({{"a", half}, {"b", half}, {"c", 1}}), AllOf(HasSubstr("c: "), HasSubstr("2^62")));
}

TEST_F(TokenMixtureTest, FilePaddedToAnotherLengthIsRefused) {
  const std::string padded = File("a", "none", 100, R"(, "sequence_length": 10, "padding_token": 0)");
  EXPECT_THAT(RefusalOf({{padded, 1}}, 5), AllOf(HasSubstr(padded), HasSubstr("padded to sequences of 10 tokens"),
                                                 HasSubstr("stream.sequence_length is 5")));
  EXPECT_TRUE(TokenMixture::Open({{padded, 2}}, 10).ok());
}

TEST_F(TokenMixtureTest, TakesFromEachFileWhatIsAskedEvenly) {
  const auto mixture = TokenMixture::Open({{File("a"), 4}, {File("b"), 2}}, 4);
  ASSERT_TRUE(mixture.ok()) << mixture.status();
  EXPECT_EQ(mixture->sequences(), 6);
  EXPECT_EQ(mixture->SequencesIn(0), 5);
  EXPECT_EQ(mixture->SequencesTakenFrom(1), 2);
  EXPECT_EQ(mixture->vocabulary_size(), 100);
  EXPECT_THAT(mixture->paths(), ElementsAre(folder_.File("a"), folder_.File("b")));
  EXPECT_THAT(mixture->sha256s(), ElementsAre(std::string(64, '0'), std::string(64, '0')));
  std::vector<size_t> files;
  for (int64_t i = 0; i < 6; ++i) files.push_back(mixture->At(i).list);
  EXPECT_THAT(files, ElementsAre(0, 1, 0, 0, 1, 0));
}

}  // namespace
}  // namespace seedbed
