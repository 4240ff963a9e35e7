#include "worker/trainer/process_setup.h"

#include <sys/resource.h>
#include <unistd.h>

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

}  // namespace
}  // namespace seedbed
