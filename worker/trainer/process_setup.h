// What the process of a rank sets up before anything else.
#ifndef SEEDBED_WORKER_TRAINER_PROCESS_SETUP_H_
#define SEEDBED_WORKER_TRAINER_PROCESS_SETUP_H_

#include <string>

namespace seedbed {

// Exit codes that the worker knows.
inline constexpr int kWorkerGoneExitCode = 70;   // The worker has died or closed its pipes.
inline constexpr int kLeaseOverExitCode = 71;    // The worker let its lease run out, and this process with it.
inline constexpr int kTerminatedExitCode = 143;  // SIGTERM.

// SIGTERM ends the process at once: whatever it has written is complete or under a temporary name. A pipe without a
// reader and a file that may not grow are errors where they are written to, not signals.
void SetUpSignals();

// While one lives, SIGTERM is only taken down: there is something to be saved first. One at a time; after
// SetUpSignals.
class DeferredTermination {
 public:
  DeferredTermination();
  ~DeferredTermination();
  DeferredTermination(const DeferredTermination&) = delete;
  DeferredTermination& operator=(const DeferredTermination&) = delete;

  bool is_asked_for() const;
};

// Raises the process's limit on open files to what the system allows it: a cached stream may have more files than the
// usual 1,024.
void AllowManyOpenFiles();

// Has malloc keep large blocks that were freed. glibc would give them back to the kernel and have every page zeroed
// and mapped again at the next step.
void KeepFreedMemory();

// Ends the process, at once where it is so already, once standard input, a pipe that the worker holds the other end of,
// has no writer any more: no rank outlives its worker, however that dies. Nor does it outlive the worker's lease, also
// where the worker stands still (SIGSTOP, a debugger) and stops nothing: what comes over the pipe are times, int64_t in
// native order, in milliseconds of Clock::Monotonic(), which this machine's processes share. The process ends at the
// newest of them; until the first comes it may run.
void EndWithWorker();

// Threads within an operation; operations run one at a time. On a GPU also: the same result every time. Call before
// LibTorch computes anything.
void SetUpLibTorch(int threads, const std::string& device);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_PROCESS_SETUP_H_
