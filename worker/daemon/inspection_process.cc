#include "worker/daemon/inspection_process.h"

#include <signal.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/logging.h"
#include "common/status.h"
#include "common/utf8.h"

namespace seedbed {
namespace {

// Reports hold the results of many inspections and must stay far below what the session takes.
constexpr size_t kMostResultBytes = 64 << 10;
constexpr size_t kErrorLogLines = 5;

}  // namespace

std::unique_ptr<InspectionProcess> InspectionProcess::Start(const std::string& trainer_path, const std::string& path,
                                                            const v1::InspectionRequest& request,
                                                            absl::Duration time_limit, absl::Duration now) {
  auto inspection = std::unique_ptr<InspectionProcess>(new InspectionProcess(path, request, time_limit, now));
  if (const absl::Status started = inspection->Spawn(trainer_path, request); !started.ok()) {
    inspection->SetError(absl::StrCat("could not be started: ", started.message()));
  } else {
    Log(LogLevel::kInfo, "inspection started", {{"inspection", inspection->id_}, {"pid", inspection->process_->pid()}});
  }
  return inspection;
}

InspectionProcess::InspectionProcess(const std::string& path, const v1::InspectionRequest& request,
                                     absl::Duration time_limit, absl::Duration now)
    : id_(request.inspection_id()),
      request_path_(absl::StrCat(path, ".request")),
      log_path_(absl::StrCat(path, ".log")),
      time_limit_(time_limit),
      kill_at_(now + time_limit) {}

InspectionProcess::~InspectionProcess() {
  process_.reset();
  for (const std::string& path : {request_path_, log_path_}) {
    if (const absl::Status removed = RemoveAll(path); !removed.ok()) {
      Log(LogLevel::kWarning, "file of an inspection not removed", {{"path", path}, {"error", removed.message()}});
    }
  }
}

absl::Status InspectionProcess::Spawn(const std::string& trainer_path, const v1::InspectionRequest& request) {
  RETURN_IF_ERROR(WriteSpecFile(request_path_, request));
  ASSIGN_OR_RETURN(TrainerProcess process,
                   TrainerProcess::Spawn(trainer_path, {"--inspect", request_path_}, log_path_));
  process_.emplace(std::move(process));
  return absl::OkStatus();
}

void InspectionProcess::Advance(absl::Duration now) {
  if (result_.has_value()) return;
  ReadMessages();
  if (const auto exit = process_->Poll(); exit.has_value()) {
    ReadMessages();  // What it said last.
    Finish(*exit);
  } else if (now >= kill_at_) {
    out_of_time_ = true;
    process_->Signal(SIGKILL);
  }
}

void InspectionProcess::ReadMessages() {
  const absl::Status read = process_->ReadMessages([this](const v1::RankMessage& message) { return Take(message); });
  if (!read.ok()) unreadable_ = read;
}

absl::Status InspectionProcess::Take(const v1::RankMessage& message) {
  if (!message.has_inspection_result() || found_.has_value()) {
    return absl::InvalidArgumentError("a message that is not its one result");
  }
  const v1::InspectionResult& result = message.inspection_result();
  if (result.inspection_id() != id_) {
    return absl::InvalidArgumentError(
        absl::StrCat("the result of another inspection, \"", result.inspection_id(), "\""));
  }
  if (result.ByteSizeLong() > kMostResultBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a result of ", result.ByteSizeLong(), " bytes; at most ", kMostResultBytes, " are allowed"));
  }
  found_ = result;
  return absl::OkStatus();
}

void InspectionProcess::Finish(const ExitStatus& exit) {
  const std::string failure = ExplainFailure(exit);
  process_.reset();
  if (failure.empty()) {
    result_ = std::move(found_);
  } else {
    const std::vector<std::string> tail = TailOfFile(log_path_, kErrorLogLines);
    SetError(tail.empty() ? failure : absl::StrCat(failure, "; its last lines: ", absl::StrJoin(tail, "; ")));
  }
  Log(failure.empty() ? LogLevel::kInfo : LogLevel::kWarning, "inspection ended",
      {{"inspection", id_},
       {"exit", exit.ToString()},
       {"violations", result_->violations_size()},
       {"error", result_->error()}});
}

std::string InspectionProcess::ExplainFailure(const ExitStatus& exit) const {
  if (out_of_time_) return absl::StrCat("did not end within ", absl::FormatDuration(time_limit_));
  if (!unreadable_.ok()) return absl::StrCat("sent what can't be read: ", unreadable_.message());
  if (!exit.ok()) return exit.ToString();
  if (!found_.has_value()) return absl::StrCat(exit.ToString(), " without a result");
  return "";
}

void InspectionProcess::SetError(const std::string& error) {
  result_.emplace();
  result_->set_inspection_id(id_);
  result_->set_error(ReplaceInvalidUtf8(absl::StrCat("seedbed-trainer --inspect ", error)));
}

}  // namespace seedbed
