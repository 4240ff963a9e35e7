#include "common/logging.h"

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

// What is logged meanwhile, line by line. Standard error of a test is no terminal once it is captured; the logger asks
// when it is first used, so every test captures before it logs.
class LoggingTest : public testing::Test {
 protected:
  void SetUp() override { testing::internal::CaptureStderr(); }
  std::vector<nlohmann::json> Lines() {
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(text.empty() || text.back() == '\n');
    std::vector<nlohmann::json> lines;
    for (const auto line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      lines.push_back(nlohmann::json::parse(std::string(line)));  // Throws, and so fails the test, for bad JSON.
    }
    return lines;
  }
};

TEST_F(LoggingTest, HostileTextStaysOneLineOfJson) {
  const std::string hostile =
      std::string("quote\" backslash\\ newline\n nul") + '\0' + " bad\xFF\xC3 tab\t end\x1b[31m";
  Log(LogLevel::kError, "event\nwith \"everything\"", {{"field", hostile}, {"bad \" key\n", "v"}});
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["event"], "event\nwith \"everything\"");
  EXPECT_EQ(lines[0]["level"], "error");
  EXPECT_EQ(lines[0]["bad \" key\n"], "v");
  EXPECT_EQ(lines[0]["field"],
            std::string("quote\" backslash\\ newline\n nul") + '\0' + " bad\xEF\xBF\xBD\xEF\xBF\xBD tab\t end\x1b[31m");
}

TEST_F(LoggingTest, NumbersAndTruthsAreNotStrings) {
  Log(LogLevel::kWarning, "numbers",
      {{"int", -3}, {"big", std::numeric_limits<uint64_t>::max()}, {"real", 0.25}, {"yes", true}, {"no", false}});
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["int"], -3);
  EXPECT_EQ(lines[0]["big"], std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(lines[0]["real"], 0.25);
  EXPECT_EQ(lines[0]["yes"], true);
  EXPECT_EQ(lines[0]["no"], false);
}

TEST_F(LoggingTest, WhatJsonHasNoNumberForIsAString) {
  Log(LogLevel::kInfo, "not finite", {{"nan", std::nan("")}, {"inf", -std::numeric_limits<double>::infinity()}});
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["nan"], "nan");
  EXPECT_EQ(lines[0]["inf"], "-inf");
}

TEST_F(LoggingTest, NamesTheProgramAndLeavesOutWhatIsBelowTheLevel) {
  InitLogging("logging_test", LogLevel::kWarning);
  Log(LogLevel::kInfo, "left out");
  Log(LogLevel::kWarning, "said");
  InitLogging("logging_test", LogLevel::kInfo);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["program"], "logging_test");
  EXPECT_EQ(lines[0]["event"], "said");
  absl::Time time;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, lines[0]["time"].get<std::string>(), &time, nullptr));
}

TEST_F(LoggingTest, LinesOfManyThreadsAreWhole) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 100; ++i) Log(LogLevel::kInfo, "line", {{"thread", t}, {"text", std::string(300, 'x')}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Lines().size(), 400u);
}

}  // namespace
}  // namespace seedbed
