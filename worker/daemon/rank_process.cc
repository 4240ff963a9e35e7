#include "worker/daemon/rank_process.h"

#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/logging.h"
#include "common/status.h"
#include "common/utf8.h"
#include "worker/daemon/slots.h"
#include "worker/trainer/process_setup.h"

namespace seedbed {
namespace {

v1::FailureKind KindOfStartError(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? v1::FAILURE_KIND_INTERNAL : v1::FAILURE_KIND_IO;
}

absl::string_view ToText(StopReason reason) {
  switch (reason) {
    case StopReason::kNotDesired:
      return "the coordinator did not want it any more";
    case StopReason::kLeaseEnding:
      return "the worker heard nothing from the coordinator and its lease ran out";
    case StopReason::kShutdown:
      return "the worker was told to stop";
  }
  return "";
}

}  // namespace

std::string RanksFolder(const std::string& scratch_root) { return JoinPath(scratch_root, "ranks"); }
std::string LogsFolder(const std::string& scratch_root) { return JoinPath(scratch_root, "logs"); }

std::unique_ptr<RankProcess> RankProcess::Start(const RankOptions& options, const v1::DesiredRank& desired,
                                                const v1::Slot* slot) {
  auto rank = std::unique_ptr<RankProcess>(new RankProcess(options, desired));
  absl::Status started = rank->CheckDesired(desired, slot);
  if (started.ok()) started = rank->PrepareFiles(rank->MakeSpec(desired, *slot));
  if (started.ok()) started = rank->Spawn();
  if (started.ok()) {
    Log(LogLevel::kInfo, "rank started",
        {{"sweep", rank->sweep_id_},
         {"gang", rank->id_.gang_id},
         {"attempt", rank->id_.attempt},
         {"rank", rank->id_.rank},
         {"slot", desired.slot_id()},
         {"pid", rank->process_->pid()}});
    return rank;
  }
  const v1::Failure failure =
      rank->MakeFailure(KindOfStartError(started), absl::StrCat("could not be started: ", started.message()));
  rank->tracker_.MarkExited(&failure);
  if (rank->id_.Check().ok()) rank->RemoveFiles();
  Log(LogLevel::kError, "rank not started",
      {{"sweep", rank->sweep_id_},
       {"gang", rank->id_.gang_id},
       {"attempt", rank->id_.attempt},
       {"rank", rank->id_.rank},
       {"slot", desired.slot_id()},
       {"error", started.message()}});
  return rank;
}

RankProcess::RankProcess(const RankOptions& options, const v1::DesiredRank& desired)
    : options_(options),
      id_(RankId::Of(desired.key())),
      sweep_id_(desired.gang().sweep_id()),
      folder_(JoinPath(RanksFolder(options.scratch_root), id_.FileName())),
      spec_path_(absl::StrCat(folder_, ".spec")),
      log_path_(absl::StrCat(JoinPath(LogsFolder(options.scratch_root), id_.FileName()), ".log")),
      tracker_(desired, options.host) {}

RankProcess::~RankProcess() {
  if (!process_.has_value()) return;
  process_.reset();
  if (!exited()) RemoveFiles();
}

absl::Status RankProcess::CheckDesired(const v1::DesiredRank& desired, const v1::Slot* slot) const {
  RETURN_IF_ERROR(id_.Check());
  if (slot == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("slot_id: this worker has no slot \"", desired.slot_id(), "\""));
  }
  if (desired.world_size() <= id_.rank) {
    return absl::InvalidArgumentError(
        absl::StrCat("world_size: is ", desired.world_size(), "; must be greater than the rank, ", id_.rank));
  }
  if (desired.gang().gang_id() != id_.gang_id || desired.gang().attempt() != id_.attempt) {
    return absl::InvalidArgumentError(absl::StrCat("gang: is attempt ", desired.gang().attempt(), " of \"",
                                                   desired.gang().gang_id(), "\"; the key says ", id_.FileName()));
  }
  return absl::OkStatus();
}

v1::TrainerSpec RankProcess::MakeSpec(const v1::DesiredRank& desired, const v1::Slot& slot) const {
  v1::TrainerSpec spec;
  *spec.mutable_gang() = desired.gang();
  spec.set_rank(id_.rank);
  spec.set_world_size(desired.world_size());
  if (id_.rank != 0) spec.set_rendezvous_address(desired.rendezvous_address());
  spec.set_rendezvous_host(options_.host);
  spec.set_device(DeviceOf(slot));
  spec.set_threads(slot.threads());
  spec.set_artifact_root(options_.artifact_root);
  spec.set_scratch_dir(folder_);
  spec.set_collective_timeout_ms(options_.collective_timeout_ms);
  return spec;
}

absl::Status RankProcess::PrepareFiles(const v1::TrainerSpec& spec) const {
  RETURN_IF_ERROR(MakeFolders(LogsFolder(options_.scratch_root)));
  RETURN_IF_ERROR(RemoveAll(folder_));
  RETURN_IF_ERROR(MakeFolders(folder_));
  return WriteSpecFile(spec_path_, spec);
}

absl::Status RankProcess::Spawn() {
  ASSIGN_OR_RETURN(TrainerProcess process,
                   TrainerProcess::Spawn(options_.trainer_path, {"--spec", spec_path_}, log_path_));
  process_.emplace(std::move(process));
  return absl::OkStatus();
}

void RankProcess::RemoveFiles() const {
  for (const std::string& path : {folder_, spec_path_}) {
    if (const absl::Status removed = RemoveAll(path); !removed.ok()) {
      Log(LogLevel::kWarning, "scratch of a rank not removed", {{"path", path}, {"error", removed.message()}});
    }
  }
}

bool RankProcess::Advance(absl::Duration now) {
  if (exited()) return false;
  bool changed = ReadMessages();
  if (const auto exit = process_->Poll(); exit.has_value()) {
    ReadMessages();  // What it said last.
    Finish(*exit);
    changed = true;
  } else if (tracker_.own_failure().has_value() && kill_at_ == absl::InfiniteDuration()) {
    kill_at_ = now + options_.stop_grace;  // It has said that it ends: it may not hang on the way.
  } else if (now >= kill_at_) {
    Kill();
  }
  return changed;
}

void RankProcess::Terminate(StopReason reason, absl::Duration now) {
  if (exited() || stop_reason_.has_value()) return;
  Log(LogLevel::kInfo, "stopping rank",
      {{"sweep", sweep_id_},
       {"gang", id_.gang_id},
       {"attempt", id_.attempt},
       {"rank", id_.rank},
       {"reason", ToText(reason)}});
  failed_before_stop_ = tracker_.own_failure().has_value();
  stop_reason_ = reason;
  kill_at_ = now + options_.stop_grace;
  tracker_.MarkStopping();
  process_->Signal(SIGTERM);
}

void RankProcess::RunUntil(absl::Duration lease_over_at) {
  if (process_.has_value()) process_->RunUntil(lease_over_at);
}

void RankProcess::Kill() {
  if (process_.has_value()) process_->Signal(SIGKILL);
}

bool RankProcess::ReadMessages() {
  bool changed = false;
  const absl::Status read = process_->ReadMessages([&](const v1::RankMessage& message) {
    changed = true;
    return tracker_.Apply(message);
  });
  if (!read.ok()) unreadable_ = read;
  return changed || !read.ok();
}

void RankProcess::Finish(const ExitStatus& exit) {
  std::optional<v1::Failure> failure = ExplainEnd(exit);
  if (failure.has_value()) {
    failure->set_rank(id_.rank);
    failure->set_exit_code(exit.exit_code);
    failure->set_signal(exit.signal);
    failure->clear_log_tail();
    for (std::string& line : TailOfFile(log_path_, kLogTailLines)) failure->add_log_tail(std::move(line));
  }
  tracker_.MarkExited(failure.has_value() ? &*failure : nullptr);
  process_.reset();
  RemoveFiles();
  Log(status().has_failure() && !stop_reason_.has_value() ? LogLevel::kWarning : LogLevel::kInfo, "rank ended",
      {{"sweep", sweep_id_},
       {"gang", id_.gang_id},
       {"attempt", id_.attempt},
       {"rank", id_.rank},
       {"exit", exit.ToString()},
       {"failure", status().failure().message()}});
}

std::optional<v1::Failure> RankProcess::ExplainEnd(const ExitStatus& exit) const {
  if (!unreadable_.ok()) {
    return MakeFailure(v1::FAILURE_KIND_INTERNAL,
                       absl::StrCat("was killed, because it sent what can't be read: ", unreadable_.message()));
  }
  // What a rank says of its end after it was told to stop is an effect of that.
  if (stop_reason_.has_value() && !failed_before_stop_) {
    return MakeFailure(v1::FAILURE_KIND_WORKER_LOST, absl::StrCat("was stopped: ", ToText(*stop_reason_)));
  }
  if (tracker_.own_failure().has_value()) return tracker_.own_failure();
  if (exit.signal == 0 && exit.exit_code == kLeaseOverExitCode) {
    return MakeFailure(v1::FAILURE_KIND_WORKER_LOST, absl::StrCat("ended: ", ToText(StopReason::kLeaseEnding)));
  }
  if (!exit.ok()) return MakeFailure(v1::FAILURE_KIND_RANK_DIED, exit.ToString());
  if (process_->is_within_message()) {
    return MakeFailure(v1::FAILURE_KIND_INTERNAL, absl::StrCat(exit.ToString(), " in the middle of a message"));
  }
  return std::nullopt;
}

v1::Failure RankProcess::MakeFailure(v1::FailureKind kind, absl::string_view what) const {
  v1::Failure failure;
  failure.set_kind(kind);
  failure.set_rank(id_.rank);
  failure.set_message(ReplaceInvalidUtf8(absl::StrCat("rank ", id_.rank, " of gang ", id_.gang_id, " ", what)));
  return failure;
}

}  // namespace seedbed
