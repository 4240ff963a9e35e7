#include "client/tool_process.h"

#include <errno.h>
#include <unistd.h>

#include <filesystem>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status.h"
#include "common/subprocess.h"
#include "common/utf8.h"

namespace seedbed {
namespace {

constexpr int kStandardError = 2;
constexpr int kBadInputExitCode = 2;

absl::StatusOr<std::string> ReadToEnd(const OwnedFd& fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t count = read(fd.get(), buffer, sizeof(buffer));
    if (count == 0) return text;
    if (count > 0) {
      text.append(buffer, static_cast<size_t>(count));
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, "standard error of a program");
    }
  }
}

// Its last line without the program's name; before that LibTorch may have warned of something.
std::string LastWords(const std::string& text, const std::string& name) {
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  if (lines.empty()) return "";
  return ReplaceInvalidUtf8(absl::StripPrefix(lines.back(), absl::StrCat(name, ": ")));
}

absl::Status StatusOf(const ExitStatus& exit, const std::string& name, const std::string& last_words) {
  if (exit.ok()) return absl::OkStatus();
  if (exit.signal == 0 && exit.exit_code == kBadInputExitCode) return absl::InvalidArgumentError(last_words);
  return absl::InternalError(absl::StrCat(name, " ", exit.ToString(), ": ", last_words));
}

}  // namespace

absl::Status RunToolProcess(const std::string& program, const std::vector<std::string>& arguments) {
  ASSIGN_OR_RETURN(Pipe standard_error, MakePipe());
  SpawnOptions spawn;
  spawn.argv = {program};
  spawn.argv.insert(spawn.argv.end(), arguments.begin(), arguments.end());
  spawn.environment = {{"SEEDBED_PARENT_PID", absl::StrCat(getpid())}};
  spawn.fds = {{standard_error.write_end.get(), kStandardError}};
  ASSIGN_OR_RETURN(Subprocess process, Subprocess::Spawn(spawn));
  standard_error.write_end.Close();
  ASSIGN_OR_RETURN(const std::string text, ReadToEnd(standard_error.read_end));
  const std::string name = std::filesystem::path(program).filename().string();
  return StatusOf(process.Wait(), name, LastWords(text, name));
}

}  // namespace seedbed
