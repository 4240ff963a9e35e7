#include "worker/trainer/gang_trainer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/activations/batch_hash.h"
#include "torch/version.h"
#include "worker/trainer/failure.h"
#include "worker/trainer/held_out_rows.h"
#include "worker/trainer/rank_likeness.h"
#include "worker/trainer/run_export.h"

namespace seedbed {
namespace {

// The stream's identity and what of the machine decides the bytes that are computed from it.
StreamIdentity IdentityOfRank(const TrainerPlan& plan, const StreamInputs& inputs) {
  StreamIdentity identity = inputs.identity();
  identity["libtorch_version"] = TORCH_VERSION;
  identity["device_type"] = plan.spec.device().substr(0, plan.spec.device().find(':'));
  return identity;
}

// Of all batches that the run was trained on; of a transcoder the chain of its input's hash and its target's.
std::string HashOfBatches(const PlannedRun& run, const ActivationStream& stream) {
  if (run.input == run.target) return stream.hash(run.input).ToString();
  BatchHash both;
  both.Add(stream.hash(run.input).bytes());
  both.Add(stream.hash(run.target).bytes());
  return both.ToString();
}

}  // namespace

absl::StatusOr<std::unique_ptr<GangTrainer>> GangTrainer::Load(TrainerPlan plan, MessageSink* sink, Clock* clock) {
  std::unique_ptr<GangTrainer> trainer(new GangTrainer(std::move(plan), sink, clock));
  ASSIGN_OR_RETURN(trainer->inputs_, StreamInputs::Load(trainer->plan_));
  RETURN_IF_ERROR(trainer->MakeRuns());
  ASSIGN_OR_RETURN(trainer->evaluator_, Evaluator::Make(&trainer->plan_, trainer->inputs_.get()));
  // Better now than after hours of training.
  RETURN_IF_ERROR(AsIoFailure(CheckFolderWritable(trainer->plan_.spec.artifact_root())));
  trainer->LogEvent(LogLevel::kInfo, "rank loaded", {"runs", trainer->runs_.size()},
                    {"steps", trainer->plan_.stream.total_batches()});
  return trainer;
}

GangTrainer::GangTrainer(TrainerPlan plan, MessageSink* sink, Clock* clock)
    : plan_(std::move(plan)), sink_(sink), clock_(clock) {}

absl::Status GangTrainer::MakeRuns() {
  for (const PlannedRun& planned : plan_.runs) {
    if (planned.rank != plan_.spec.rank()) continue;
    ASSIGN_OR_RETURN(HostedRun run,
                     HostedRun::Make(plan_, planned, inputs_->width(planned.input), inputs_->width(planned.target)));
    runs_.push_back(std::move(run));
  }
  return absl::OkStatus();
}

absl::Status GangTrainer::Join() {
  RETURN_IF_ERROR(JoinPeers());
  RETURN_IF_ERROR(CheckRanksAlike(*group_, IdentityOfRank(plan_, *inputs_)));
  ASSIGN_OR_RETURN(const StreamStart start, Resume());
  steps_ = start.batches;
  reporter_.emplace(plan_.stream, steps_, clock_, sink_);
  ASSIGN_OR_RETURN(stream_, inputs_->OpenStream(group_.get(), clock_, start, [this] { ReportProgress(); }));
  LogEvent(LogLevel::kInfo, "rank joined its gang", {"world_size", plan_.spec.world_size()},
           {"hookpoints", plan_.hookpoints.size()});
  return absl::OkStatus();
}

absl::StatusOr<StreamStart> GangTrainer::Resume() {
  checkpointer_ = Checkpointer::Make(&plan_, IdentityOfRank(plan_, *inputs_), clock_);
  return checkpointer_ == nullptr ? StreamStart() : checkpointer_->Resume(*group_, runs_);
}

absl::Status GangTrainer::JoinPeers() {
  GroupOptions options;
  options.rank = plan_.spec.rank();
  options.world_size = plan_.spec.world_size();
  options.device = plan_.spec.device();
  options.rendezvous_address = plan_.spec.rendezvous_address();
  if (!plan_.spec.rendezvous_host().empty()) options.rendezvous_host = plan_.spec.rendezvous_host();
  options.group_name = absl::StrCat(plan_.spec.gang().gang_id(), "/", plan_.spec.gang().attempt());
  options.timeout = absl::Milliseconds(plan_.spec.collective_timeout_ms());
  options.join_timeout = options.timeout;
  options.on_listening = [this](int port) {
    v1::RankMessage message;
    message.mutable_rendezvous_ready()->set_port(port);
    sink_->Send(message);
  };
  ASSIGN_OR_RETURN(group_, JoinGroup(options));
  return absl::OkStatus();
}

absl::Status GangTrainer::Train(std::function<bool()> is_stopped) {
  is_stopped_ = std::move(is_stopped);
  RETURN_IF_ERROR(TrainSteps());
  reporter_->Report(runs_, *stream_, steps_, step_time_, checkpoint_counters());
  for (HostedRun& run : runs_) {
    if (!run.ended()) run.FinishTraining();
  }
  if (evaluator_ != nullptr) RETURN_IF_ERROR(EvaluateRuns());
  return ExportRuns();
}

absl::Status GangTrainer::TrainSteps() {
  Batch batch;
  while (HasWork()) {
    const absl::StatusOr<bool> more = stream_->Next(&batch);
    // A rank that was told to stop may have left before this one heard of it.
    if (!more.ok() && is_stopped_()) return Stop(/*is_whole=*/false);
    RETURN_IF_ERROR(more.status());
    if (!*more) break;
    RETURN_IF_ERROR(TakeBatch(batch));
    if (is_stopped_()) return Stop(/*is_whole=*/true);
  }
  return absl::OkStatus();
}

absl::Status GangTrainer::TakeBatch(const Batch& batch) {
  const int64_t rows_before = trained_rows();
  RETURN_IF_ERROR(Step(batch));
  if (stream_->harvested()) EndHarvest();
  ReportProgress();
  if (evaluator_ != nullptr && evaluator_->IsDue(rows_before, trained_rows())) {
    RETURN_IF_ERROR(EvaluateBetweenBatches());
  }
  if (checkpointer_ != nullptr) checkpointer_->StepTaken(runs_, *stream_, steps_);
  return absl::OkStatus();
}

absl::Status GangTrainer::Stop(bool is_whole) {
  if (checkpointer_ != nullptr) checkpointer_->SaveLast(runs_, is_whole ? stream_.get() : nullptr, steps_);
  LogEvent(LogLevel::kInfo, "rank stopped", {"step", steps_}, {"checkpoint", checkpoint_counters().step});
  return absl::CancelledError("stopped");
}

absl::Status GangTrainer::EvaluateBetweenBatches() {
  group_->SetPhase(absl::StrCat("step ", steps_, ", evaluation"));
  RETURN_IF_ERROR(EvaluateRuns());
  if (stream_->harvested()) return absl::OkStatus();
  const absl::Status met = group_->AwaitAll();
  // As in TrainSteps. What comes next is a checkpoint of what this rank has done.
  return !met.ok() && is_stopped_() ? absl::OkStatus() : met;
}

absl::Status GangTrainer::EvaluateRuns() {
  std::map<std::pair<int, int>, std::vector<HostedRun*>> by_hookpoints;  // Input and target.
  for (HostedRun& run : runs_) {
    const bool is_evaluated =
        !run.evaluations().empty() && run.evaluations().back().metrics.trained_tokens() == trained_rows();
    if (!TakesPart(run) || is_evaluated) continue;
    by_hookpoints[{run.planned().input, run.planned().target}].push_back(&run);
  }
  for (const auto& [hookpoints, runs] : by_hookpoints) RETURN_IF_ERROR(EvaluateTogether(runs));
  return absl::OkStatus();
}

absl::Status GangTrainer::EvaluateTogether(const std::vector<HostedRun*>& runs) {
  const PlannedRun& first = runs.front()->planned();
  const RowScales scales = {stream_->scale(first.input), stream_->scale(first.target)};
  ASSIGN_OR_RETURN(std::vector<absl::StatusOr<RunEvaluation>> evaluations,
                   evaluator_->Evaluate(runs, scales, trained_rows()));
  for (size_t i = 0; i < runs.size(); ++i) {
    absl::StatusOr<RunEvaluation>& evaluation = evaluations[i];
    if (absl::IsAborted(evaluation.status())) {
      Fail(*runs[i], evaluation.status());
      continue;
    }
    RETURN_IF_ERROR(evaluation.status());
    LogEvent(LogLevel::kInfo, "run evaluated", {"run", runs[i]->run_id()},
             {"loss_recovered", evaluation->metrics.loss_recovered_zero()});
    runs[i]->AddEvaluation(*std::move(evaluation));
  }
  return absl::OkStatus();
}

bool GangTrainer::HasWork() const {
  const bool peers_need_us = plan_.spec.world_size() > 1 && !stream_->harvested();
  return peers_need_us || std::any_of(runs_.begin(), runs_.end(), [](const HostedRun& run) { return !run.ended(); });
}

absl::Status GangTrainer::Step(const Batch& batch) {
  const absl::Duration start = clock_->Monotonic();
  std::vector<at::Tensor> on_device(batch.activations.size());
  const auto rows_of = [&](int hookpoint) -> const at::Tensor& {
    at::Tensor& rows = on_device[hookpoint];
    if (!rows.defined()) rows = batch.activations[hookpoint].to(at::Device(plan_.spec.device()));
    return rows;
  };
  for (HostedRun& run : runs_) {
    if (TakesPart(run)) run.Launch(rows_of(run.planned().input), rows_of(run.planned().target));
  }
  for (HostedRun& run : runs_) {
    if (!TakesPart(run)) continue;
    const absl::Status status = run.Step(rows_of(run.planned().input), rows_of(run.planned().target));
    if (absl::IsAborted(status)) {
      Fail(run, status);
    } else {
      RETURN_IF_ERROR(status);
    }
  }
  ++steps_;
  step_time_ += clock_->Monotonic() - start;
  return absl::OkStatus();
}

void GangTrainer::Fail(HostedRun& run, const absl::Status& status) {
  LogEvent(LogLevel::kWarning, "run failed", {"run", run.run_id()}, {"error", status.message()});
  v1::RankMessage message;
  message.mutable_run_ended()->set_run_id(run.run_id());
  *message.mutable_run_ended()->mutable_failure() = FailureOf(status, plan_.spec.rank());
  EndRun(run, message);
}

// Checkpoints go first: nobody would remove those of a gang that will not be started again.
void GangTrainer::EndRun(HostedRun& run, const v1::RankMessage& message) {
  run.End();
  if (checkpointer_ != nullptr) checkpointer_->RunEnded(run.run_id());
  sink_->Send(message);
}

CheckpointCounters GangTrainer::checkpoint_counters() const {
  return checkpointer_ == nullptr ? CheckpointCounters() : checkpointer_->counters();
}

void GangTrainer::EndHarvest() {
  if (std::exchange(harvest_ended_, true)) return;
  inputs_->ReleaseModel();
  const StreamCounters counters = stream_->counters();
  LogEvent(LogLevel::kInfo, "harvest ended", {"tokens", counters.tokens_harvested},
           {"seconds", absl::ToDoubleSeconds(counters.harvest_time)});
}

absl::Status GangTrainer::ExportRuns() {
  for (const HostedRun& run : runs_) {
    if (run.ended()) continue;
    v1::RankMessage message;
    message.mutable_run_exporting()->set_run_id(run.run_id());
    sink_->Send(message);
  }
  for (HostedRun& run : runs_) {
    if (is_stopped_()) return absl::CancelledError("stopped");
    if (!run.ended()) RETURN_IF_ERROR(Export(run));
  }
  return absl::OkStatus();
}

absl::Status GangTrainer::Export(HostedRun& run) {
  RunProvenance provenance;
  provenance.batch_hash = HashOfBatches(run.planned(), *stream_);
  provenance.stream = inputs_->identity();
  provenance.input_scale = stream_->scale(run.planned().input);
  provenance.target_scale = stream_->scale(run.planned().target);
  provenance.tokens_harvested = stream_->gang_tokens_harvested();
  v1::RankMessage message;
  message.mutable_run_ended()->set_run_id(run.run_id());
  v1::RunResult& result = *message.mutable_run_ended()->mutable_result();
  ASSIGN_OR_RETURN(result, ExportRun(plan_, run, provenance));
  if (evaluator_ != nullptr) {
    ASSIGN_OR_RETURN(const at::Tensor held_out, evaluator_->HeldOutRows(run));
    if (held_out.defined()) {
      ASSIGN_OR_RETURN(*result.mutable_held_out_rows(), WriteHeldOutRows(plan_, run, held_out));
    }
  }
  LogEvent(LogLevel::kInfo, "run exported", {"run", run.run_id()}, {"batch_hash", provenance.batch_hash});
  EndRun(run, message);
  return absl::OkStatus();
}

void GangTrainer::ReportProgress() {
  // While the stream is opened it may harvest what was lost.
  if (stream_ == nullptr || !reporter_->Due()) return;
  reporter_->Report(runs_, *stream_, steps_, step_time_, checkpoint_counters());
}

void GangTrainer::LogEvent(LogLevel level, absl::string_view event, const LogField& first,
                           const LogField& second) const {
  Log(level, event,
      {{"sweep", plan_.spec.gang().sweep_id()},
       {"gang", plan_.spec.gang().gang_id()},
       {"attempt", plan_.spec.gang().attempt()},
       {"rank", plan_.spec.rank()},
       first,
       second});
}

}  // namespace seedbed
