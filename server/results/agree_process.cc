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
#include "server/results/process_memory.h"

namespace seedbed {
namespace {

constexpr absl::Duration kPollEvery = absl::Milliseconds(10);
constexpr int kPollsBetweenLooks = 10;  // At its memory and at what it has stored.
constexpr int64_t kMib = int64_t{1} << 20;
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
                "--cached-mib",
                absl::StrCat(options.cached_bytes / kMib)};
  if (!options.artifact_folder.empty()) {
    spawn.argv.insert(spawn.argv.end(), {"--stability-folder", JoinPath(options.artifact_folder, "stability")});
    if (HasConsensus(request)) {
      spawn.argv.insert(spawn.argv.end(),
                        {"--consensus", JoinPath(options.artifact_folder, "consensus"), "--consensus-members",
                         absl::StrCat(request.consensus_members()), "--consensus-may-be-missing"});
    }
  }
  if (request.has_held_out_rows()) {
    spawn.argv.insert(spawn.argv.end(), {"--rows", request.held_out_rows().path()});
  }
  spawn.argv.push_back("--");
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

// How it ended, or why it was ended.
struct ProcessEnd {
  std::optional<ExitStatus> exit;
  int64_t too_many_bytes = 0;  // That it had when it was killed for them.
};

ProcessEnd AwaitEnd(const AgreeOptions& options, Subprocess& process, WakeSignal& stop) {
  for (int polls = 1; !process.Poll().has_value(); ++polls) {
    if (stop.WaitForStop(kPollEvery)) {
      StopProcess(process, options.stop_grace);
      return {};
    }
    if (polls % kPollsBetweenLooks != 0) continue;
    if (options.on_progress != nullptr) options.on_progress();
    const int64_t bytes = AnonymousBytes(process.pid());
    if (options.most_bytes == 0 || bytes <= options.most_bytes) continue;
    process.Signal(SIGKILL);
    process.Wait();
    return {std::nullopt, bytes};
  }
  return {process.Poll()};
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
  const ProcessEnd end = AwaitEnd(options, *process, stop);
  outcome.stopped = !end.exit.has_value() && end.too_many_bytes == 0;
  if (outcome.stopped) return outcome;
  const std::vector<std::string> log_tail = TailOfFile(log, kLogTailLines);
  if (end.too_many_bytes > 0) {
    outcome.failure = FailureOf(v1::FAILURE_KIND_OUT_OF_MEMORY,
                                absl::StrCat("stopped: it has ", end.too_many_bytes / kMib, " MiB, more than the ",
                                             options.most_bytes / kMib, " that it may have"),
                                log_tail);
    return outcome;
  }
  if (!end.exit->ok()) {
    outcome.failure = FailureOfExit(*end.exit, log_tail);
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
