#include "worker/trainer/process_setup.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "ATen/Context.h"
#include "ATen/Parallel.h"
#include "absl/strings/match.h"

namespace seedbed {
namespace {

constexpr int kTopPadBytes = 64 << 20;

void ExitOnSignal(int) { _exit(kTerminatedExitCode); }

void ExitAtEndOfInput() {
  char ignored[64];
  while (true) {
    const ssize_t count = read(STDIN_FILENO, ignored, sizeof ignored);
    if (count == 0 || (count < 0 && errno != EINTR)) _exit(kWorkerGoneExitCode);
  }
}

}  // namespace

void SetUpSignals() {
  struct sigaction action = {};
  action.sa_handler = ExitOnSignal;
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

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

void EndWithWorker() { std::thread(ExitAtEndOfInput).detach(); }

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
