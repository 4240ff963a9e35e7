#include "common/utf8.h"

#include "gtest/gtest.h"

namespace seedbed {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";

TEST(ReplaceInvalidUtf8Test, LeavesWellFormedTextAlone) {
  for (const char* good : {"", "plain", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8C\xB1", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF4\x8F\xBF\xBF", "\xC2\x80", "\xE0\xA0\x80", "\xF0\x90\x80\x80"}) {
    EXPECT_EQ(ReplaceInvalidUtf8(good), good);
  }
  EXPECT_EQ(ReplaceInvalidUtf8(absl::string_view("a\0b", 3)), std::string("a\0b", 3));
}

TEST(ReplaceInvalidUtf8Test, ReplacesEveryByteThatIsNone) {
  struct Case {
    const char* name;
    const char* text;
    int replaced;
  };
  for (const Case& bad :
       {Case{"lone continuation", "\x80", 1}, Case{"overlong", "\xC0\xAF", 2},
        Case{"overlong of three", "\xE0\x80\xAF", 3}, Case{"surrogate", "\xED\xA0\x80", 3},
        Case{"overlong of four", "\xF0\x80\x80\xAF", 4}, Case{"beyond Unicode", "\xF4\x90\x80\x80", 4},
        Case{"no lead", "\xFF\xFE", 2}, Case{"cut", "\xE2\x82", 2}}) {
    std::string expected;
    for (int i = 0; i < bad.replaced; ++i) expected += kReplacement;
    EXPECT_EQ(ReplaceInvalidUtf8(bad.text), expected) << bad.name;
    EXPECT_EQ(ReplaceInvalidUtf8(std::string("x") + bad.text + "y"), "x" + expected + "y") << bad.name;
  }
}

}  // namespace
}  // namespace seedbed
