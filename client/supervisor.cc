#include "client/supervisor.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/format.h"
#include "common/file.h"
#include "common/status.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kLongestBackoff = absl::Seconds(5);
constexpr absl::Duration kRanWell = absl::Seconds(30);

absl::Duration Now() { return Clock::Real()->Monotonic(); }

// Whether the ready file was written by this very process, and not by one before it.
bool IsReady(const std::string& ready_file, pid_t pid) {
  const auto contents = ReadFile(ready_file, 1 << 16);
  if (!contents.ok()) return false;
  const auto json = nlohmann::json::parse(*contents, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.contains("pid") && json["pid"] == absl::StrCat(pid);
}

uintmax_t FileSize(const std::string& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

// "results was killed by signal 9 (Killed)", "results exited with code 3".
std::string Ended(const DaemonSpec& spec, const ExitStatus& exit) {
  return absl::StrCat(spec.name, exit.signal != 0 ? " was " : " ", exit.ToString());
}

// The last line is a daemon's own word on why it can't go on (FailProgram), if it logged any since it was started.
std::string LastWords(const DaemonSpec& spec, uintmax_t log_size_before, const ExitStatus& exit) {
  if (exit.signal == 0 && FileSize(spec.log_file) > log_size_before) {
    const std::vector<std::string> tail = TailOfFile(spec.log_file, 1);
    if (!tail.empty()) return OneLine(tail[0]);
  }
  return absl::StrCat(Ended(spec, exit), " before it served; its log is ", spec.log_file);
}

}  // namespace

absl::Duration RestartBackoff::Next(absl::Duration ran_for) {
  next_ = ran_for >= kRanWell || next_ == absl::ZeroDuration() ? kFirstBackoff : std::min(2 * next_, kLongestBackoff);
  return next_;
}

Supervisor::Supervisor(std::vector<DaemonSpec> specs, SupervisorOptions options, Interrupts* interrupts,
                       std::function<void(const std::string&)> say)
    : options_(options), interrupts_(interrupts), say_(std::move(say)) {
  for (DaemonSpec& spec : specs) {
    Daemon daemon;
    daemon.spec = std::move(spec);
    daemons_.push_back(std::move(daemon));
  }
}

absl::Status Supervisor::Spawn(Daemon& daemon) {
  RETURN_IF_ERROR(RemoveAll(daemon.spec.ready_file));
  daemon.log_size_before = FileSize(daemon.spec.log_file);
  SpawnOptions spawn;
  spawn.argv = daemon.spec.argv;
  spawn.environment = {{"SEEDBED_PARENT_PID", absl::StrCat(getpid())}};
  spawn.stderr_path = daemon.spec.log_file;
  ASSIGN_OR_RETURN(Subprocess process, Subprocess::Spawn(spawn));
  daemon.process.emplace(std::move(process));
  daemon.started = Now();
  return absl::OkStatus();
}

absl::Status Supervisor::Start() {
  for (Daemon& daemon : daemons_) {
    if (const absl::Status spawned = Spawn(daemon); !spawned.ok()) return absl::AbortedError(spawned.message());
    RETURN_IF_ERROR(AwaitReady(daemon));
  }
  return absl::OkStatus();
}

absl::Status Supervisor::AwaitReady(Daemon& daemon) {
  const absl::Duration give_up = Now() + options_.ready_within;
  while (!IsReady(daemon.spec.ready_file, daemon.process->pid())) {
    if (const auto exit = daemon.process->Poll())
      return absl::AbortedError(LastWords(daemon.spec, daemon.log_size_before, *exit));
    if (Now() > give_up) {
      return absl::DeadlineExceededError(absl::StrCat(daemon.spec.name, " does not serve after ",
                                                      FormatElapsed(options_.ready_within), "; its log is ",
                                                      daemon.spec.log_file));
    }
    if (interrupts_->Wait(options_.poll_every)) return absl::CancelledError("stopped while starting");
  }
  return absl::OkStatus();
}

void Supervisor::Run() {
  do {
    for (Daemon& daemon : daemons_) Tend(daemon);
  } while (!interrupts_->Wait(options_.poll_every));
}

void Supervisor::Tend(Daemon& daemon) {
  if (daemon.process.has_value()) {
    const auto exit = daemon.process->Poll();
    if (!exit.has_value()) return;
    const absl::Duration wait = daemon.backoff.Next(Now() - daemon.started);
    daemon.process.reset();
    daemon.start_again = Now() + wait;
    say_(absl::StrCat(Ended(daemon.spec, *exit), "; starting it again in ", FormatElapsed(wait)));
  } else if (Now() >= daemon.start_again) {
    const absl::Status status = Spawn(daemon);
    if (status.ok()) return;
    const absl::Duration wait = daemon.backoff.Next(absl::ZeroDuration());
    daemon.start_again = Now() + wait;
    say_(absl::StrCat(daemon.spec.name, ": ", status.message(), "; trying again in ", FormatElapsed(wait)));
  }
}

void Supervisor::Stop() {
  for (auto daemon = daemons_.rbegin(); daemon != daemons_.rend(); ++daemon) {
    if (!daemon->process.has_value()) continue;
    daemon->process->Signal(SIGTERM);
    const absl::Duration kill_at = Now() + daemon->spec.stop_within;
    while (!daemon->process->Poll().has_value() && Now() < kill_at) usleep(10'000);
    if (!daemon->process->Poll().has_value()) {
      say_(absl::StrCat(daemon->spec.name, " did not end within ", FormatElapsed(daemon->spec.stop_within),
                        " and is killed"));
      daemon->process->Signal(SIGKILL);
      daemon->process->Wait();
    }
    daemon->process.reset();
    RemoveAll(daemon->spec.ready_file).IgnoreError();
  }
}

}  // namespace seedbed
