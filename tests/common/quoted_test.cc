#include "common/quoted.h"

#include <string>

#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(QuotedTest, EscapesWhatWouldMakeASecondLineOrEndTheQuotes) {
  EXPECT_EQ(Quoted(""), "\"\"");
  EXPECT_EQ(Quoted("topk"), "\"topk\"");
  EXPECT_EQ(Quoted("a\nb\r\t\"\\"), R"("a\nb\r\t\"\\")");
  EXPECT_EQ(Quoted(absl::string_view("a\0b", 3)), R"("a\000b")");
}

TEST(QuotedTest, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(Quoted("\xC3\xA9"), "\"\xC3\xA9\"");
  EXPECT_EQ(Quoted("a\xFF"), "\"a\xEF\xBF\xBD\"");
}

TEST(QuotedTest, CutsBetweenTwoCharacters) {
  const std::string longest(100, 'x');
  EXPECT_EQ(Quoted(longest), "\"" + longest + "\"");
  EXPECT_EQ(Quoted(longest + "x"), "\"" + longest + "...\"");
  EXPECT_EQ(Quoted(std::string(99, 'x') + "\xE2\x82\xAC"), "\"" + std::string(99, 'x') + "...\"");
  EXPECT_EQ(Quoted(std::string(200, '\x80')).substr(0, 4), "\"\xEF\xBF\xBD");
}

TEST(EscapeControlCharactersTest, LeavesEverythingElse) {
  EXPECT_EQ(EscapeControlCharacters("field \"k\" is \\n \xC3\xA9"), "field \"k\" is \\n \xC3\xA9");
  EXPECT_EQ(EscapeControlCharacters("a\nb\x7F\x1B"), R"(a\nb\177\033)");
}

}  // namespace
}  // namespace seedbed
