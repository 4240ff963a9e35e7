// Keeps a few daemons running: starts them in order, starts again those that die, stops them in the reverse order.
#ifndef SEEDBED_CLIENT_SUPERVISOR_H_
#define SEEDBED_CLIENT_SUPERVISOR_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/console.h"
#include "common/clock.h"
#include "common/subprocess.h"

namespace seedbed {

// How long to wait before a program that died is started again: 100 ms, doubling up to 5 s, and from the start again
// once it has run for 30 s. Pure.
class RestartBackoff {
 public:
  absl::Duration Next(absl::Duration ran_for);

 private:
  absl::Duration next_ = absl::ZeroDuration();
};

struct DaemonSpec {
  std::string name;  // "coordinator"
  std::vector<std::string> argv;
  std::string ready_file;                         // Which argv tells it to write (WriteReadyFile) when it serves.
  std::string log_file;                           // Where its output is appended.
  absl::Duration stop_within = absl::Seconds(2);  // From SIGTERM to SIGKILL.
};

struct SupervisorOptions {
  absl::Duration ready_within = absl::Seconds(60);
  absl::Duration poll_every = absl::Milliseconds(20);
};

// Not thread-safe, and to be used on one thread only: the daemons die with the thread that started them, so that none
// is left when this process is killed. They learn of it by SEEDBED_PARENT_PID (FollowParent in common/daemon.h).
// Destroying it kills what still runs.
class Supervisor {
 public:
  // `say` gets one line for what the user should know. `interrupts` is borrowed, and held already.
  Supervisor(std::vector<DaemonSpec> specs, SupervisorOptions options, Interrupts* interrupts,
             std::function<void(const std::string&)> say);

  // Starts all, each when the one before it serves. ABORTED when a daemon can't be started, or, with the last line
  // that it logged, when it ended before it ever served; DEADLINE_EXCEEDED when one takes too long; CANCELLED when the
  // user wished to stop. What was started still runs.
  absl::Status Start();

  // Starts again what dies, until the user wishes to stop.
  void Run();

  // Stops all, the last one started first. A daemon that does not end in its time is killed.
  void Stop();

 private:
  struct Daemon {
    DaemonSpec spec;
    std::optional<Subprocess> process;
    uintmax_t log_size_before = 0;  // Bytes in its log when it was started.
    absl::Duration started;
    absl::Duration start_again;  // When it is not running.
    RestartBackoff backoff;
  };

  absl::Status Spawn(Daemon& daemon);
  absl::Status AwaitReady(Daemon& daemon);
  void Tend(Daemon& daemon);

  const SupervisorOptions options_;
  Interrupts* const interrupts_;
  const std::function<void(const std::string&)> say_;
  std::vector<Daemon> daemons_;
};

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_SUPERVISOR_H_
