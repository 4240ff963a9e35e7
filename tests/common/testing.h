// What tests share: a folder of their own, waiting for a condition, and a child that looks on from outside.
#ifndef SEEDBED_TESTS_COMMON_TESTING_H_
#define SEEDBED_TESTS_COMMON_TESTING_H_

#include <functional>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace seedbed {

// A new empty folder, removed with all that is in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(const std::string& name) const;

 private:
  std::string path_;
};

// Looks again and again until the condition holds; false when it does not by the deadline.
template <typename Condition>
bool WaitFor(const Condition& condition, absl::Duration deadline = absl::Seconds(30)) {
  const absl::Time end = absl::Now() + deadline;
  while (!condition()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return true;
}

// Runs `check` in a forked child and gives its answer; false, too, when the child dies. For what changes a whole
// process: limits, user, locks. Call it while the process has one thread.
bool InChild(const std::function<bool()>& check);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_COMMON_TESTING_H_
