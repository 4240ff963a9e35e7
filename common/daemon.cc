#include "common/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/file.h"
#include "nlohmann/json.hpp"

namespace seedbed {

namespace {

bool IsHost(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "[")) {
    return absl::ConsumeSuffix(&text, "]") && !text.empty() &&
           text.find_first_not_of("0123456789abcdefABCDEF:.") == absl::string_view::npos;
  }
  return !text.empty() && text.find_first_of(": \t\n[]/") == absl::string_view::npos;
}

bool IsPort(absl::string_view text, int* port) {
  constexpr size_t kMostDigits = 5;
  return !text.empty() && text.size() <= kMostDigits &&
         text.find_first_not_of("0123456789") == absl::string_view::npos && absl::SimpleAtoi(text, port) &&
         *port <= 65535;
}

}  // namespace

std::string HostPort::ToString() const { return absl::StrCat(host, ":", port); }

absl::StatusOr<HostPort> ParseHostPort(absl::string_view flag, absl::string_view text) {
  const size_t colon = text.rfind(':');
  HostPort parsed;
  if (colon != absl::string_view::npos && IsHost(text.substr(0, colon)) &&
      IsPort(text.substr(colon + 1), &parsed.port)) {
    parsed.host = std::string(text.substr(0, colon));
    return parsed;
  }
  return absl::InvalidArgumentError(absl::StrCat(flag, ": found \"", text, "\"; HOST:PORT is needed, port 0..65535"));
}

int FailProgram(absl::string_view program, const absl::Status& status) {
  fprintf(stderr, "%s: %s\n", std::string(program).c_str(), std::string(status.message()).c_str());
  return 1;
}

absl::Status WriteReadyFile(const std::string& path, const std::map<std::string, std::string>& values) {
  if (path.empty()) return absl::OkStatus();
  nlohmann::json json(values);
  json["pid"] = absl::StrCat(getpid());
  // A host or a path need not be UTF-8.
  return WriteFileDurably(path, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

ShutdownSignals::ShutdownSignals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);  // Were it ignored, as some parents leave it, no child could be waited for.
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

void FollowParent() {
  const char* parent = getenv("SEEDBED_PARENT_PID");
  int parent_pid = 0;
  if (parent == nullptr || !absl::SimpleAtoi(parent, &parent_pid)) return;
  unsetenv("SEEDBED_PARENT_PID");
  DieWithParent(parent_pid);
}

}  // namespace seedbed
