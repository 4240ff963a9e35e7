// What the mains of all daemons share: addresses, readiness, signals and how they fail.
#ifndef SEEDBED_COMMON_DAEMON_H_
#define SEEDBED_COMMON_DAEMON_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

struct HostPort {
  std::string host;
  int port = 0;
  std::string ToString() const;
};

// "host:port", port 0..65535; an IPv6 host stands in brackets, and keeps them in HostPort::host. INVALID_ARGUMENT
// naming `flag` and what was found.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view flag, absl::string_view text);

// Prints "program: message" on standard error as the last word of a program that can't go on. Returns exit code 1.
int FailProgram(absl::string_view program, const absl::Status& status);

// Tells whoever started this program that it serves: writes a JSON object of strings, with "pid" added, durably to
// `path`. Does nothing when `path` is empty.
absl::Status WriteReadyFile(const std::string& path, const std::map<std::string, std::string>& values);

// Takes SIGINT and SIGTERM out of the normal course; ignores SIGPIPE; leaves SIGCHLD at its default. Make one at the
// start of main, before any thread.
class ShutdownSignals {
 public:
  ShutdownSignals();
  // Blocks until one of them arrives and returns it.
  int Wait();
};

// Asks the kernel to kill this process when the thread that started it dies, and exits now if it already has.
// `parent_pid` is who that was.
void DieWithParent(int parent_pid);

// DieWithParent of the process that SEEDBED_PARENT_PID in the environment names, as `seedbed up` sets it; nothing where
// it is not set. Takes the variable out, so that what this program starts does not follow that process too. Call at the
// start of main, before any thread.
void FollowParent();

}  // namespace seedbed

#endif  // SEEDBED_COMMON_DAEMON_H_
