#include "common/subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status.h"
#include "common/utf8.h"

extern char** environ;

namespace seedbed {
namespace {

std::vector<std::string> EnvironmentWith(const std::vector<std::pair<std::string, std::string>>& additions) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    const bool overridden =
        std::any_of(additions.begin(), additions.end(), [&](const auto& addition) { return addition.first == name; });
    if (!overridden) entries.push_back(text);
  }
  for (const auto& [name, value] : additions) entries.push_back(absl::StrCat(name, "=", value));
  return entries;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

ExitStatus Decode(int wait_status) {
  ExitStatus status;
  if (WIFSIGNALED(wait_status)) {
    status.signal = WTERMSIG(wait_status);
  } else {
    status.exit_code = WEXITSTATUS(wait_status);
  }
  return status;
}

// Of a child whose end was not ours to see: somebody else waited for it, or SIGCHLD is ignored.
constexpr ExitStatus kReapedByAnother{/*exit_code=*/255, /*signal=*/0};

// Copies of our descriptors above every number that the child wants, so that handing over one can't close another.
absl::StatusOr<std::vector<OwnedFd>> CopyAbove(int highest, const std::vector<std::pair<int, int>>& fds) {
  std::vector<OwnedFd> copies;
  for (const auto& [ours, childs] : fds) {
    copies.emplace_back(fcntl(ours, F_DUPFD_CLOEXEC, highest + 1));
    if (!copies.back().valid()) return ErrnoStatus(errno, absl::StrCat("file descriptor ", ours));
  }
  return copies;
}

}  // namespace

void OwnedFd::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  return Pipe{OwnedFd(fds[0]), OwnedFd(fds[1])};
}

std::string ExitStatus::ToString() const {
  if (signal != 0) return absl::StrCat("killed by signal ", signal, " (", strsignal(signal), ")");
  return absl::StrCat("exited with code ", exit_code);
}

absl::StatusOr<Subprocess> Subprocess::Spawn(const SpawnOptions& options) {
  int highest = STDERR_FILENO;
  for (const auto& [ours, childs] : options.fds) highest = std::max(highest, childs);
  ASSIGN_OR_RETURN(const std::vector<OwnedFd> copies, CopyAbove(highest, options.fds));

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  absl::Cleanup destroyer = [&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  };

  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!options.stderr_path.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, options.stderr_path.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  }
  for (size_t i = 0; i < copies.size(); ++i) {
    posix_spawn_file_actions_adddup2(&actions, copies[i].get(), options.fds[i].second);
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, highest + 1);

  // The child starts with no signal blocked and every disposition that a daemon may have changed at its default.
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> argv = options.argv;
  std::vector<std::string> environment = EnvironmentWith(options.environment);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, argv[0].c_str(), &actions, &attributes, Pointers(argv).data(), Pointers(environment).data());
  if (error != 0) return ErrnoStatus(error, absl::StrCat("starting ", argv[0]));
  return Subprocess(pid);
}

Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Subprocess::~Subprocess() {
  if (state_ == nullptr) return;
  Signal(SIGKILL);
  Wait();
}

void Subprocess::Signal(int signal) const {
  if (state_ == nullptr) return;
  absl::MutexLock lock(&state_->mutex);
  if (!state_->exit.has_value()) kill(-state_->pid, signal);
}

std::optional<ExitStatus> Subprocess::Poll() {
  if (state_ == nullptr) return std::nullopt;
  absl::MutexLock lock(&state_->mutex);
  if (state_->exit.has_value()) return state_->exit;
  int status = 0;
  const pid_t reaped = waitpid(state_->pid, &status, WNOHANG);
  if (reaped == state_->pid) state_->exit = Decode(status);
  if (reaped < 0 && errno == ECHILD) state_->exit = kReapedByAnother;
  return state_->exit;
}

ExitStatus Subprocess::Wait() {
  if (state_ == nullptr) return kReapedByAnother;
  if (const auto exit = Poll(); exit.has_value()) return *exit;
  // Waits without reaping, so that the number stays the child's for a Signal from another thread.
  siginfo_t ended;
  while (waitid(P_PID, static_cast<id_t>(state_->pid), &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  return Poll().value_or(kReapedByAnother);
}

std::vector<std::string> TailOfFile(const std::string& path, size_t lines) {
  constexpr std::streamoff kMostBytes = 64 << 10;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const std::streamoff start = std::max<std::streamoff>(0, static_cast<std::streamoff>(file.tellg()) - kMostBytes);
  file.seekg(start);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.size() > kMostBytes) text.resize(kMostBytes);  // It grew meanwhile.
  std::vector<std::string> all = absl::StrSplit(text, '\n');
  if (all.back().empty()) all.pop_back();
  const bool first_is_cut = start > 0 && all.size() > 1;
  if (first_is_cut) all.erase(all.begin());
  if (all.size() > lines) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(lines));
  for (std::string& line : all) line = ReplaceInvalidUtf8(line);
  return all;
}

std::string ExecutableFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

}  // namespace seedbed
