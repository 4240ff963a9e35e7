#include "sae/io/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/common/testing.h"
#include "tests/sae/io/test_files.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Token>
std::string Bytes(const std::vector<Token>& tokens) {
  return std::string(reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(Token));
}

std::string Sidecar(absl::string_view dtype, int64_t vocabulary_size, int64_t count) {
  return absl::StrCat(R"({"tokenizer": "tiny", "vocabulary_size": )", vocabulary_size, R"(, "dtype": ")", dtype,
                      R"(", "count": )", count, R"(, "sha256": ")", std::string(64, 'a'), "\"}");
}

class TokenFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<TokenFile> Open(absl::string_view bytes, absl::string_view sidecar) {
    WriteTestFile(folder_.Path("t.bin.json"), sidecar);
    return TokenFile::Open(WriteTestFile(folder_.Path("t.bin"), bytes));
  }

  void ExpectRefused(absl::string_view bytes, absl::string_view sidecar, const std::vector<std::string>& parts) {
    const auto file = Open(bytes, sidecar);
    ASSERT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << sidecar;
    EXPECT_THAT(file.status().message(), HasSubstr("t.bin.json"));
    for (const std::string& part : parts) EXPECT_THAT(file.status().message(), HasSubstr(part));
  }

  TempFolder folder_;
};

TEST_F(TokenFileTest, NamesTheFileThatIsMissing) {
  EXPECT_EQ(TokenFile::Open(folder_.Path("t.bin")).status().code(), absl::StatusCode::kNotFound);
  const auto without_sidecar = TokenFile::Open(WriteTestFile(folder_.Path("t.bin"), "ab"));
  EXPECT_EQ(without_sidecar.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(without_sidecar.status().message(), HasSubstr("t.bin.json"));
}

TEST_F(TokenFileTest, RefusesASidecarThatLacksAField) {
  const std::string whole = Sidecar("uint16", 100, 1);
  for (const std::string field : {"tokenizer", "vocabulary_size", "dtype", "count", "sha256"}) {
    const std::string without = absl::StrReplaceAll(whole, {{absl::StrCat("\"", field, "\""), "\"other\""}});
    ExpectRefused("ab", without, {absl::StrCat("\"", field, "\""), "missing"});
  }
}

TEST_F(TokenFileTest, RefusesASidecarThatMakesNoSense) {
  ExpectRefused("ab", "{", {"not valid JSON"});
  ExpectRefused("ab", Sidecar("int16", 100, 1), {"\"dtype\"", "int16", "uint16 and uint32"});
  ExpectRefused("ab", Sidecar("uint\\n16", 100, 1), {"\"uint\\n16\""});
  ExpectRefused("ab", Sidecar("uint16", 0, 1), {"\"vocabulary_size\"", "from 1 to 65536"});
  ExpectRefused("ab", Sidecar("uint16", 65537, 1), {"\"vocabulary_size\"", "65537"});
  ExpectRefused("ab", Sidecar("uint16", 100, -1), {"\"count\"", "-1"});
  ExpectRefused("ab", absl::StrReplaceAll(Sidecar("uint16", 100, 1), {{"aaaa", "AA"}}), {"\"sha256\""});
}

TEST_F(TokenFileTest, RefusesAFileOfAnotherSizeThanItsSidecarStates) {
  ExpectRefused("abc", Sidecar("uint16", 100, 1), {"\"count\"", "should have 2 bytes", "has 3"});
  ExpectRefused("ab", Sidecar("uint16", 100, 2), {"should have 4 bytes", "has 2"});
  ExpectRefused("ab", Sidecar("uint32", 100, 1), {"should have 4 bytes"});
  ExpectRefused("ab", Sidecar("uint16", 100, std::numeric_limits<int64_t>::max()), {"\"count\""});
}

TEST_F(TokenFileTest, RefusesPaddingThatMakesNoSense) {
  const auto padded = [](absl::string_view fields) {
    return absl::StrReplaceAll(Sidecar("uint16", 100, 4), {{"}", absl::StrCat(", ", fields, "}")}});
  };
  const std::string bytes = Bytes<uint16_t>({1, 2, 3, 4});
  ExpectRefused(bytes, padded(R"("padding_token": 0)"), {"\"sequence_length\"", "missing"});
  ExpectRefused(bytes, padded(R"("sequence_length": 2)"), {"\"padding_token\"", "missing"});
  ExpectRefused(bytes, padded(R"("sequence_length": 2, "padding_token": 100)"), {"\"padding_token\"", "from 0 to 99"});
  ExpectRefused(bytes, padded(R"("sequence_length": 3, "padding_token": 0)"),
                {"\"sequence_length\" is 3, which does not divide the count of 4"});
  ExpectRefused(bytes, padded(R"("sequence_length": 0, "padding_token": 0)"), {"\"sequence_length\""});
  const auto file = Open(bytes, padded(R"("sequence_length": 2, "padding_token": 0)"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->sequence_length(), 2);
  EXPECT_EQ(file->padding_token(), 0);
}

TEST_F(TokenFileTest, RefusesAnIdBeyondTheVocabulary) {
  const auto file = Open(Bytes<uint16_t>({5, 99, 100, 7}), Sidecar("uint16", 100, 4));
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<int64_t> out(3);
  const absl::Status status = file->Read(1, absl::MakeSpan(out));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("token id 100 at position 2"));
  EXPECT_THAT(status.message(), HasSubstr("t.bin"));
  EXPECT_TRUE(file->Read(0, absl::MakeSpan(out.data(), 2)).ok());
}

TEST_F(TokenFileTest, RefusesToReadBeyondItsEnds) {
  const auto file = Open(Bytes<uint16_t>({1, 2, 3}), Sidecar("uint16", 100, 3));
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<int64_t> out(2);
  for (const int64_t offset : {int64_t{-1}, int64_t{2}, int64_t{4}, std::numeric_limits<int64_t>::max(),
                               std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(file->Read(offset, absl::MakeSpan(out)).code(), absl::StatusCode::kOutOfRange) << offset;
  }
  EXPECT_TRUE(file->Read(3, {}).ok());
}

TEST_F(TokenFileTest, ReadsBothWidths) {
  std::vector<int64_t> out(2);
  const auto narrow = Open(Bytes<uint16_t>({1, 65535, 3}), Sidecar("uint16", 65536, 3));
  ASSERT_TRUE(narrow.ok()) << narrow.status();
  EXPECT_EQ(narrow->size(), 3);
  EXPECT_EQ(narrow->vocabulary_size(), 65536);
  EXPECT_EQ(narrow->tokenizer(), "tiny");
  EXPECT_EQ(narrow->sha256(), std::string(64, 'a'));
  EXPECT_EQ(narrow->padding_token(), std::nullopt);
  ASSERT_TRUE(narrow->Read(1, absl::MakeSpan(out)).ok());
  EXPECT_THAT(out, ElementsAre(65535, 3));
  EXPECT_THAT(std::get<absl::Span<const uint16_t>>(narrow->tokens()), ElementsAre(1, 65535, 3));

  const auto wide = Open(Bytes<uint32_t>({1, 4294967295u, 70000}), Sidecar("uint32", int64_t{1} << 32, 3));
  ASSERT_TRUE(wide.ok()) << wide.status();
  ASSERT_TRUE(wide->Read(1, absl::MakeSpan(out)).ok());
  EXPECT_THAT(out, ElementsAre(4294967295, 70000));
  EXPECT_THAT(std::get<absl::Span<const uint32_t>>(wide->tokens()), ElementsAre(1, 4294967295, 70000));
}

}  // namespace
}  // namespace seedbed
