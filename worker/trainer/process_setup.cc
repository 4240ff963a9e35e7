#include "worker/trainer/process_setup.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <thread>

#include "ATen/Context.h"
#include "ATen/Parallel.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace seedbed {
namespace {

constexpr int kTopPadBytes = 64 << 20;
// poll's clock stands still while the machine sleeps, a lease's does not.
constexpr absl::Duration kLongestWait = absl::Seconds(1);

std::atomic<bool> termination_deferred{false};
std::atomic<bool> termination_asked_for{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void TerminateOnSignal(int) {
  if (!termination_deferred) _exit(kTerminatedExitCode);
  termination_asked_for = true;
}

// Whether standard input has something to read, waited for no longer than that.
bool HasInput(absl::Duration wait) {
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  return poll(&input, 1, static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))))) > 0;
}

// The newest time that has come; `until` where there is none.
absl::Duration ReadLease(absl::Duration until) {
  int64_t times[64];  // Each is written at once, so none is ever read in part.
  const ssize_t bytes = read(STDIN_FILENO, times, sizeof times);
  if (bytes == 0 || (bytes < 0 && errno != EINTR)) _exit(kWorkerGoneExitCode);
  const ssize_t count = bytes / static_cast<ssize_t>(sizeof times[0]);
  return count > 0 ? absl::Milliseconds(times[count - 1]) : until;
}

// Ends the process if it may not run any more, or else gives until when it may. All that waits is read first: after a
// standstill of this process it may hold a longer lease.
absl::Duration ExitIfUnsupervised(absl::Duration until) {
  while (HasInput(absl::ZeroDuration())) until = ReadLease(until);
  if (Clock::Real()->Monotonic() >= until) _exit(kLeaseOverExitCode);
  return until;
}

void ExitOnceUnsupervised(absl::Duration until) {
  while (true) {
    HasInput(std::clamp(until - Clock::Real()->Monotonic(), absl::ZeroDuration(), kLongestWait));
    until = ExitIfUnsupervised(until);
  }
}

}  // namespace

void SetUpSignals() {
  struct sigaction action = {};
  action.sa_handler = TerminateOnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

DeferredTermination::DeferredTermination() { termination_deferred = true; }

DeferredTermination::~DeferredTermination() { termination_deferred = false; }

bool DeferredTermination::is_asked_for() const { return termination_asked_for; }

void AllowManyOpenFiles() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void KeepFreedMemory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, kTopPadBytes);
}

void EndWithWorker() {
  // The worker may have died while this program was loaded.
  const absl::Duration until = ExitIfUnsupervised(absl::InfiniteDuration());
  std::thread(ExitOnceUnsupervised, until).detach();
}

void SetUpLibTorch(int threads, const std::string& device) {
  at::set_num_threads(threads);
  at::set_num_interop_threads(1);
  if (!absl::StartsWith(device, "cuda")) return;
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/1);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  // What is allocated is always written before it is read.
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

}  // namespace seedbed
