#include "worker/tool/tool_main.h"

#include <exception>
#include <string>

#include "CLI/CLI.hpp"
#include "common/daemon.h"

namespace seedbed {
namespace {

constexpr int kBadInput = 2;
constexpr int kOtherFailure = 1;

// What can't be read or used is the caller's to mend; a full disk or too little memory is not.
int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kPermissionDenied:
      return kBadInput;
    default:
      return kOtherFailure;
  }
}

// A message of LibTorch without the stack trace that follows it.
absl::Status FirstLineOf(const std::exception& error) {
  const std::string message = error.what();
  return absl::InternalError(message.substr(0, message.find('\n')));
}

absl::Status RunCatching(absl::FunctionRef<absl::Status()> run) {
  try {
    return run();
  } catch (const std::exception& error) {
    return FirstLineOf(error);
  }
}

}  // namespace

int RunTool(CLI::App& app, int argc, char** argv, absl::FunctionRef<absl::Status()> run) {
  FollowParent();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    FailProgram(app.get_name(), absl::InvalidArgumentError(error.what()));
    return kBadInput;
  }
  const absl::Status status = RunCatching(run);
  if (status.ok()) return 0;
  FailProgram(app.get_name(), status);
  return ExitCode(status);
}

}  // namespace seedbed
