#include "worker/trainer/process_setup.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "common/clock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

// In a child, whose limits are its own.
TEST(ProcessSetupDeathTest, AsManyFilesAsTheSystemAllows) {
  const auto allow = [] {
    const rlimit low = {100, 500};
    setrlimit(RLIMIT_NOFILE, &low);
    AllowManyOpenFiles();
    rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    _exit(limit.rlim_cur == 500 ? 7 : 8);
  };
  EXPECT_EXIT(allow(), ::testing::ExitedWithCode(7), "");
}

// A child whose standard input is a pipe, and what it does there.
void EndWithPipe(const std::function<void(int write_end)>& prepare) {
  int fds[2];
  if (pipe(fds) != 0 || dup2(fds[0], STDIN_FILENO) < 0) _exit(9);
  prepare(fds[1]);
  EndWithWorker();
  _exit(8);  // It may run.
}

void WriteTime(int fd, absl::Duration time) {
  const int64_t milliseconds = absl::ToInt64Milliseconds(time);
  if (write(fd, &milliseconds, sizeof milliseconds) < 0) _exit(9);
}

TEST(ProcessSetupDeathTest, AProcessWhoseWorkerIsGoneBeginsNothing) {
  EXPECT_EXIT(EndWithPipe([](int write_end) { close(write_end); }), ::testing::ExitedWithCode(kWorkerGoneExitCode), "");
}

TEST(ProcessSetupDeathTest, AProcessWhoseLeaseIsOverBeginsNothing) {
  const auto expired = [](int write_end) { WriteTime(write_end, Clock::Real()->Monotonic()); };
  EXPECT_EXIT(EndWithPipe(expired), ::testing::ExitedWithCode(kLeaseOverExitCode), "");
}

TEST(ProcessSetupDeathTest, TheNewestLeaseCounts) {
  const auto renewed = [](int write_end) {
    WriteTime(write_end, Clock::Real()->Monotonic());
    WriteTime(write_end, Clock::Real()->Monotonic() + absl::Hours(1));
  };
  EXPECT_EXIT(EndWithPipe(renewed), ::testing::ExitedWithCode(8), "");
}

}  // namespace
}  // namespace seedbed
