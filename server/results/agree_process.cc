#include "server/results/agree_process.h"

#include <signal.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/status.h"
#include "common/subprocess.h"
#include "google/protobuf/util/json_util.h"
#include "server/results/comparison.h"

namespace seedbed {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(10);
constexpr size_t kMostAnswerBytes = 64 << 20;
constexpr size_t kLogTailLines = 50;
constexpr int kBadInputExitCode = 2;  // Of seedbed-agree.

SpawnOptions SpawnOptionsFor(const AgreeOptions& options, const v1::Agreement& request, const std::string& output,
                             const std::string& log) {
  SpawnOptions spawn;
  spawn.argv = {options.program,
                "--threshold",
                absl::StrFormat("%.17g", request.threshold()),
                "--threads",
                absl::StrCat(options.threads),
                "--output",
                output,
                "--pairs",
                options.pair_folder,
                "--sweep",
                request.sweep_id(),
                "--sibling-set",
                request.sibling_set_id(),
                "--"};
  for (const v1::Dictionary& dictionary : request.dictionaries()) spawn.argv.push_back(dictionary.path());
  spawn.environment = {{"SEEDBED_PARENT_PID", absl::StrCat(getpid())}};
  spawn.stderr_path = log;
  return spawn;
}

void StopProcess(Subprocess& process, absl::Duration grace) {
  process.Signal(SIGTERM);
  const absl::Duration kill_at = Clock::Real()->Monotonic() + grace;
  while (!process.Poll().has_value() && Clock::Real()->Monotonic() < kill_at) {
    usleep(absl::ToInt64Microseconds(kPollEvery));
  }
  process.Signal(SIGKILL);
  process.Wait();
}

// nullopt when it was stopped.
std::optional<ExitStatus> AwaitEnd(Subprocess& process, absl::Duration stop_grace, WakeSignal& stop) {
  while (!process.Poll().has_value()) {
    if (stop.WaitForStop(kPollEvery)) {
      StopProcess(process, stop_grace);
      return std::nullopt;
    }
  }
  return process.Poll();
}

absl::StatusOr<v1::Agreement> ReadAnswer(const std::string& output, const v1::Agreement& request) {
  ASSIGN_OR_RETURN(const std::string json, ReadFile(output, kMostAnswerBytes));
  v1::Agreement computed;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &computed);
  if (!parsed.ok()) {
    return absl::InternalError(
        absl::StrCat("its output is not the JSON of an agreement: ", parsed.message().ToString()));
  }
  RETURN_IF_ERROR(CheckAnswer(request, computed));
  return computed;
}

v1::Failure FailureOf(v1::FailureKind kind, const std::string& message, const std::vector<std::string>& log_tail) {
  v1::Failure failure;
  failure.set_kind(kind);
  failure.set_message(absl::StrCat("seedbed-agree: ", message));
  failure.mutable_log_tail()->Add(log_tail.begin(), log_tail.end());
  return failure;
}

v1::Failure FailureOfExit(const ExitStatus& exit, const std::vector<std::string>& log_tail) {
  const bool bad_input = exit.signal == 0 && exit.exit_code == kBadInputExitCode;
  const std::string last_words = log_tail.empty() ? "" : absl::StrCat(": ", log_tail.back());
  v1::Failure failure = FailureOf(bad_input ? v1::FAILURE_KIND_USER_ERROR : v1::FAILURE_KIND_INTERNAL,
                                  absl::StrCat(exit.ToString(), last_words), log_tail);
  failure.set_exit_code(exit.exit_code);
  failure.set_signal(exit.signal);
  return failure;
}

}  // namespace

AgreeOutcome RunAgree(const AgreeOptions& options, const v1::Agreement& request, WakeSignal& stop) {
  const std::string output = JoinPath(options.work_folder, "agreement.json");
  const std::string log = JoinPath(options.work_folder, "agree.log");
  AgreeOutcome outcome;
  for (const std::string& left_over : {output, log}) {
    if (const absl::Status removed = RemoveAll(left_over); !removed.ok()) {
      outcome.failure = FailureOf(v1::FAILURE_KIND_IO, std::string(removed.message()), {});
      return outcome;
    }
  }
  auto process = Subprocess::Spawn(SpawnOptionsFor(options, request, output, log));
  if (!process.ok()) {
    outcome.failure = FailureOf(v1::FAILURE_KIND_IO, std::string(process.status().message()), {});
    return outcome;
  }
  const std::optional<ExitStatus> exit = AwaitEnd(*process, options.stop_grace, stop);
  outcome.stopped = !exit.has_value();
  if (outcome.stopped) return outcome;
  const std::vector<std::string> log_tail = TailOfFile(log, kLogTailLines);
  if (!exit->ok()) {
    outcome.failure = FailureOfExit(*exit, log_tail);
    return outcome;
  }
  auto answer = ReadAnswer(output, request);
  if (answer.ok()) {
    outcome.agreement = *std::move(answer);
  } else {
    outcome.failure = FailureOf(v1::FAILURE_KIND_INTERNAL, std::string(answer.status().message()), log_tail);
  }
  return outcome;
}

}  // namespace seedbed
