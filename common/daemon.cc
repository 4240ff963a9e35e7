#include "common/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "nlohmann/json.hpp"

namespace seedbed {

std::string HostPort::ToString() const { return absl::StrCat(host, ":", port); }

absl::StatusOr<HostPort> ParseHostPort(absl::string_view flag, absl::string_view text) {
  const size_t colon = text.rfind(':');
  HostPort parsed;
  if (colon == absl::string_view::npos || colon == 0 || !absl::SimpleAtoi(text.substr(colon + 1), &parsed.port) ||
      parsed.port < 0 || parsed.port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": found \"", text, "\"; HOST:PORT is needed, port 0..65535"));
  }
  parsed.host = std::string(text.substr(0, colon));
  return parsed;
}

int FailProgram(absl::string_view program, const absl::Status& status) {
  fprintf(stderr, "%s: %s\n", std::string(program).c_str(), std::string(status.message()).c_str());
  return 1;
}

absl::Status WriteReadyFile(const std::string& path, const std::map<std::string, std::string>& values) {
  if (path.empty()) return absl::OkStatus();
  nlohmann::json json(values);
  json["pid"] = absl::StrCat(getpid());
  return WriteFileDurably(path, json.dump() + "\n");
}

ShutdownSignals::ShutdownSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int ShutdownSignals::Wait() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  int received = 0;
  while (sigwait(&set, &received) != 0) {
  }
  return received;
}

void DieWithParent(int parent_pid) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent_pid) _exit(1);
}

}  // namespace seedbed
