// `seedbed agree` with a program in the place of seedbed-agree.
#include "client/agree.h"

#include <sys/stat.h>

#include <sstream>
#include <string>

#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AgreeCommandTest : public testing::Test {
 protected:
  AgreeCommandTest() {
    command_.server = "127.0.0.1:1";
    command_.sources = {folder_.path(), "./b"};
    // Notes its arguments and writes what is in the file `answer` to where --output says.
    UseProgram("printf '%s\\n' \"$@\" > " + folder_.Path("arguments") +
               "; while [ \"$1\" != --output ]; do shift; done; cp " + folder_.Path("answer") + " \"$2\"");
    Answer(R"({"threshold": 0.7, "dictionaries": [{"path": "/x/a"}, {"path": "/x/b"}], "siblings": {"pw_mcc": 0.25}})");
  }

  void UseProgram(const std::string& script) {
    command_.program = folder_.Path("seedbed-agree");
    ASSERT_TRUE(WriteFileDurably(command_.program, "#!/bin/sh\n" + script + "\n").ok());
    ASSERT_EQ(chmod(command_.program.c_str(), 0700), 0);
  }
  void Answer(const std::string& json) { ASSERT_TRUE(WriteFileDurably(folder_.Path("answer"), json).ok()); }

  const TempFolder folder_;
  AgreeCommand command_;
  std::ostringstream out_, err_;
  Console console_{&out_, &err_, nullptr};
};

TEST_F(AgreeCommandTest, PrintsTablesAndKeepsTheJsonWhereItIsToldTo) {
  command_.output = folder_.Path("out.json");
  command_.passed = {"--threshold", "0.5"};
  ASSERT_TRUE(RunAgreeCommand(command_, console_).ok());
  EXPECT_THAT(out_.str(), AllOf(StartsWith("#0 /x/a"), HasSubstr("PW-MCC 0.2500")));
  EXPECT_EQ(ReadFile(folder_.Path("out.json")), ReadFile(folder_.Path("answer")));
  EXPECT_EQ(ReadFile(folder_.Path("arguments")).value(),
            "--threshold\n0.5\n--output\n" + folder_.Path("out.json") + "\n--\n" + folder_.path() + "\n./b\n");
}

TEST_F(AgreeCommandTest, PrintsTheJsonWhenAskedAndLeavesNothingBehind) {
  command_.form.format = "json";
  ASSERT_TRUE(RunAgreeCommand(command_, console_).ok());
  EXPECT_EQ(out_.str(), ReadFile(folder_.Path("answer")).value());
  const std::string arguments = ReadFile(folder_.Path("arguments")).value();
  const std::string output = arguments.substr(9, arguments.find("\n--\n") - 9);
  EXPECT_THAT(output, HasSubstr("agreement.json"));
  EXPECT_FALSE(PathExists(output));
}

TEST_F(AgreeCommandTest, PrintsATableAsCsvWhenAsked) {
  Answer(R"({"siblings": {"sharing_counts": [3, 5]}})");
  command_.form.format = "csv";
  command_.form.table = "sharing_counts";
  command_.form.csv_folder = folder_.Path("tables");
  ASSERT_TRUE(RunAgreeCommand(command_, console_).ok());
  EXPECT_EQ(out_.str(), "sibling_set,dictionaries,latents\n,1,3\n,2,5\n");
  EXPECT_EQ(ReadFile(folder_.Path("tables/sharing_counts.csv")).value(), out_.str());
}

TEST_F(AgreeCommandTest, TellsWhatIsWrongInTheProgramsWords) {
  UseProgram("echo 'seedbed-agree: b: there is no dictionary' >&2; exit 2");
  EXPECT_EQ(RunAgreeCommand(command_, console_), absl::InvalidArgumentError("b: there is no dictionary"));
  UseProgram("kill -9 $$");
  EXPECT_THAT(std::string(RunAgreeCommand(command_, console_).message()),
              HasSubstr("seedbed-agree killed by signal 9"));
  EXPECT_EQ(out_.str(), "");
}

TEST_F(AgreeCommandTest, AnAnswerThatIsNoneIsAnError) {
  Answer("{\"threshold\": ");
  EXPECT_THAT(std::string(RunAgreeCommand(command_, console_).message()), HasSubstr("wrote no agreement"));
}

TEST_F(AgreeCommandTest, ARunNeedsACoordinator) {
  command_.sources = {"s1-r0", "s1-r1"};
  EXPECT_EQ(RunAgreeCommand(command_, console_).code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(PathExists(folder_.Path("arguments")));
}

}  // namespace
}  // namespace seedbed
