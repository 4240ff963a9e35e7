// Child processes: started with posix_spawn (gRPC does not survive a fork without exec), each in its own process
// group, so that a signal reaches whatever the child itself started.
#ifndef SEEDBED_COMMON_SUBPROCESS_H_
#define SEEDBED_COMMON_SUBPROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace seedbed {

// A file descriptor that is closed when it goes. -1 = none.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
};

struct Pipe {
  OwnedFd read_end;
  OwnedFd write_end;
};

// Both ends close on exec.
absl::StatusOr<Pipe> MakePipe();

struct SpawnOptions {
  std::vector<std::string> argv;                                 // argv[0] is the path of the program.
  std::vector<std::pair<std::string, std::string>> environment;  // Set on top of this process's own.
  // {ours, the child's}: duplicated into the child, which gets no other descriptor of ours than 0, 1 and 2.
  std::vector<std::pair<int, int>> fds;
  std::string stderr_path;  // Standard output and error are appended here; empty = inherited.
};

// How a process ended.
struct ExitStatus {
  int exit_code = 0;  // Meaningful when signal == 0.
  int signal = 0;     // That ended it; 0 = it exited.
  bool ok() const { return exit_code == 0 && signal == 0; }
  // "exited with code 3" or "killed by signal 9 (Killed)".
  std::string ToString() const;
};

// Thread-safe, but for moving and destroying. Destroying a Subprocess that has not been reaped kills its process group
// and waits for it.
class Subprocess {
 public:
  // Standard input is /dev/null unless `fds` names 0. Errors: as posix_spawn gives, with the program's path.
  static absl::StatusOr<Subprocess> Spawn(const SpawnOptions& options);

  Subprocess(Subprocess&& other) noexcept = default;
  Subprocess& operator=(Subprocess&& other) noexcept;
  ~Subprocess();

  pid_t pid() const { return state_ == nullptr ? -1 : state_->pid; }

  // To the whole process group. Does nothing once the process was reaped: its number may be another's by then.
  void Signal(int signal) const;

  // Reaps the process if it has ended; nullopt while it runs. Asking again gives the same answer.
  std::optional<ExitStatus> Poll();

  // Waits for the end, however long.
  ExitStatus Wait();

 private:
  struct State {
    explicit State(pid_t pid) : pid(pid) {}
    const pid_t pid;
    absl::Mutex mutex;
    std::optional<ExitStatus> exit ABSL_GUARDED_BY(mutex);
  };
  explicit Subprocess(pid_t pid) : state_(std::make_unique<State>(pid)) {}
  std::unique_ptr<State> state_;  // Null once moved from.
};

// The last `lines` lines of a text file, reading only its last 64 KiB; empty where it can't be read. Bytes that are not
// UTF-8 come as U+FFFD.
std::vector<std::string> TailOfFile(const std::string& path, size_t lines);

// The folder that this program's executable lies in: where its sister programs are.
std::string ExecutableFolder();

}  // namespace seedbed

#endif  // SEEDBED_COMMON_SUBPROCESS_H_
