#include "client/convert.h"

#include <errno.h>
#include <unistd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/connection.h"
#include "client/format.h"
#include "common/status.h"
#include "common/subprocess.h"
#include "common/utf8.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

constexpr int kStandardError = 2;
constexpr int kBadInputExitCode = 2;  // Of seedbed-convert.

bool IsFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

// A name with a slash is no run's.
absl::StatusOr<std::string> SourceFolder(const ConvertOptions& options) {
  if (IsFolder(options.source) || options.source.find('/') != std::string::npos) return options.source;
  ASSIGN_OR_RETURN(const v1::Run run, CoordinatorClient(options.server).GetRun(options.source));
  if (run.has_result()) return run.result().dictionary().path();
  return absl::FailedPreconditionError(
      absl::StrCat("run ", run.run_id(), " has no dictionary: it is ", FormatState(run.state())));
}

absl::StatusOr<std::string> ReadToEnd(const OwnedFd& fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t count = read(fd.get(), buffer, sizeof(buffer));
    if (count == 0) return text;
    if (count > 0) {
      text.append(buffer, static_cast<size_t>(count));
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, "standard error of seedbed-convert");
    }
  }
}

// Its last line without the program's name; before that LibTorch may have warned of something.
std::string LastWords(const std::string& text) {
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  if (lines.empty()) return "";
  return ReplaceInvalidUtf8(absl::StripPrefix(lines.back(), "seedbed-convert: "));
}

absl::Status StatusOf(const ExitStatus& exit, const std::string& last_words) {
  if (exit.ok()) return absl::OkStatus();
  if (exit.signal == 0 && exit.exit_code == kBadInputExitCode) return absl::InvalidArgumentError(last_words);
  return absl::InternalError(absl::StrCat("seedbed-convert ", exit.ToString(), ": ", last_words));
}

absl::Status Convert(const std::string& program, const std::vector<std::string>& arguments) {
  ASSIGN_OR_RETURN(Pipe standard_error, MakePipe());
  SpawnOptions spawn;
  spawn.argv = {program};
  spawn.argv.insert(spawn.argv.end(), arguments.begin(), arguments.end());
  spawn.environment = {{"SEEDBED_PARENT_PID", absl::StrCat(getpid())}};
  spawn.fds = {{standard_error.write_end.get(), kStandardError}};
  ASSIGN_OR_RETURN(Subprocess process, Subprocess::Spawn(spawn));
  standard_error.write_end.Close();
  ASSIGN_OR_RETURN(const std::string text, ReadToEnd(standard_error.read_end));
  return StatusOf(process.Wait(), LastWords(text));
}

void PrintFolder(const ConvertOptions& options, Console& console) {
  if (options.json) {
    const nlohmann::json written = {{"path", options.output}};
    *console.out << written.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    *console.out << options.output << "\n";
  }
}

}  // namespace

absl::Status RunExport(const ConvertOptions& options, Console& console) {
  ASSIGN_OR_RETURN(const std::string folder, SourceFolder(options));
  RETURN_IF_ERROR(Convert(options.program, {"--format", options.format, "--output", options.output, "--", folder}));
  PrintFolder(options, console);
  return absl::OkStatus();
}

absl::Status RunImport(const ConvertOptions& options, Console& console) {
  RETURN_IF_ERROR(Convert(options.program, {"--output", options.output, "--", options.source}));
  PrintFolder(options, console);
  return absl::OkStatus();
}

}  // namespace seedbed
