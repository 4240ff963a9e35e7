#include "worker/trainer/gang_trainer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/trainer/failure.h"
#include "worker/trainer/run_export.h"

namespace seedbed {

absl::StatusOr<std::unique_ptr<GangTrainer>> GangTrainer::Load(TrainerPlan plan, MessageSink* sink, Clock* clock) {
  std::unique_ptr<GangTrainer> trainer(new GangTrainer(std::move(plan), sink, clock));
  RETURN_IF_ERROR(trainer->LoadInputs());
  RETURN_IF_ERROR(trainer->MakeRuns());
  // Better now than after hours of training.
  RETURN_IF_ERROR(AsIoFailure(CheckFolderWritable(trainer->plan_.spec.artifact_root())));
  trainer->LogEvent(LogLevel::kInfo, "rank loaded", {"runs", trainer->runs_.size()},
                    {"steps", trainer->plan_.stream.total_batches()});
  return trainer;
}

GangTrainer::GangTrainer(TrainerPlan plan, MessageSink* sink, Clock* clock)
    : plan_(std::move(plan)), sink_(sink), clock_(clock) {}

absl::Status GangTrainer::LoadInputs() {
  const v1::StreamSpec& stream = plan_.spec.gang().stream();
  ASSIGN_OR_RETURN(tokens_,
                   TokenMixture::Open({{stream.tokens(0).path(), stream.sequences()}}, stream.sequence_length()));
  ASSIGN_OR_RETURN(model_, LoadLanguageModel({stream.model_path(), plan_.hookpoints, plan_.spec.device(), at::kFloat}));
  return CheckStream(plan_.stream, *tokens_, *model_);
}

absl::Status GangTrainer::MakeRuns() {
  for (const PlannedRun& planned : plan_.runs) {
    if (planned.rank != plan_.spec.rank()) continue;
    ASSIGN_OR_RETURN(HostedRun run, HostedRun::Make(plan_, planned, model_->d_model()));
    runs_.push_back(std::move(run));
  }
  return absl::OkStatus();
}

absl::Status GangTrainer::Join() {
  GroupOptions options;
  options.rank = plan_.spec.rank();
  options.world_size = plan_.spec.world_size();
  options.device = plan_.spec.device();
  options.rendezvous_address = plan_.spec.rendezvous_address();
  if (!plan_.spec.rendezvous_host().empty()) options.rendezvous_host = plan_.spec.rendezvous_host();
  options.group_name = absl::StrCat(plan_.spec.gang().gang_id(), "/", plan_.spec.gang().attempt());
  options.timeout = absl::Milliseconds(plan_.spec.collective_timeout_ms());
  options.on_listening = [this](int port) {
    v1::RankMessage message;
    message.mutable_rendezvous_ready()->set_port(port);
    sink_->Send(message);
  };
  ASSIGN_OR_RETURN(group_, JoinGroup(options));

  StreamParts parts;
  parts.tokens = &*tokens_;
  parts.model = model_.get();
  parts.hookpoints = static_cast<int>(plan_.hookpoints.size());
  parts.device = plan_.spec.device();
  parts.collectives = group_.get();
  parts.hosted = plan_.HostedHookpoints();
  parts.scratch_dir = plan_.spec.scratch_dir();
  parts.clock = clock_;
  parts.on_micro_batch = [this] { ReportProgress(); };
  // Whatever a user gave was checked when it was loaded; what is left is the spool.
  absl::StatusOr<std::unique_ptr<ActivationStream>> stream = ActivationStream::Create(plan_.stream, std::move(parts));
  if (!stream.ok()) return AsIoFailure(stream.status());
  stream_ = *std::move(stream);
  reporter_.emplace(plan_.stream, clock_, sink_);
  LogEvent(LogLevel::kInfo, "rank joined its gang", {"world_size", plan_.spec.world_size()},
           {"hookpoints", plan_.hookpoints.size()});
  return absl::OkStatus();
}

absl::Status GangTrainer::Train() {
  Batch batch;
  while (HasWork()) {
    ASSIGN_OR_RETURN(const bool more, stream_->Next(&batch));
    if (!more) break;
    RETURN_IF_ERROR(Step(batch));
    if (stream_->harvested()) ReleaseModel();
    ReportProgress();
  }
  reporter_->Report(runs_, *stream_, steps_, step_time_);
  return ExportRuns();
}

bool GangTrainer::HasWork() const {
  const bool peers_need_us = plan_.spec.world_size() > 1 && !stream_->harvested();
  return peers_need_us || std::any_of(runs_.begin(), runs_.end(), [](const HostedRun& run) { return !run.ended(); });
}

absl::Status GangTrainer::Step(const Batch& batch) {
  const absl::Duration start = clock_->Monotonic();
  std::vector<at::Tensor> on_device(batch.activations.size());
  for (HostedRun& run : runs_) {
    if (run.ended()) continue;
    at::Tensor& rows = on_device[run.planned().hookpoint];
    if (!rows.defined()) rows = batch.activations[run.planned().hookpoint].to(at::Device(plan_.spec.device()));
    const absl::Status status = run.Step(rows);
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
  sink_->Send(message);
  run.End();
}

void GangTrainer::ReleaseModel() {
  if (model_ == nullptr) return;
  model_.reset();
  LogEvent(LogLevel::kInfo, "harvest ended", {"tokens", stream_->counters().tokens_harvested},
           {"seconds", absl::ToDoubleSeconds(stream_->counters().harvest_time)});
}

absl::Status GangTrainer::ExportRuns() {
  for (const HostedRun& run : runs_) {
    if (run.ended()) continue;
    v1::RankMessage message;
    message.mutable_run_exporting()->set_run_id(run.run_id());
    sink_->Send(message);
  }
  for (HostedRun& run : runs_) {
    if (!run.ended()) RETURN_IF_ERROR(Export(run));
  }
  return absl::OkStatus();
}

absl::Status GangTrainer::Export(HostedRun& run) {
  const RunProvenance provenance = {stream_->hash(run.planned().hookpoint).ToString(), tokens_->sha256s()[0]};
  v1::RankMessage message;
  message.mutable_run_ended()->set_run_id(run.run_id());
  ASSIGN_OR_RETURN(*message.mutable_run_ended()->mutable_result(), ExportRun(plan_, run, provenance));
  run.End();
  LogEvent(LogLevel::kInfo, "run exported", {"run", run.run_id()}, {"batch_hash", provenance.batch_hash});
  sink_->Send(message);
  return absl::OkStatus();
}

void GangTrainer::ReportProgress() {
  if (reporter_->Due()) reporter_->Report(runs_, *stream_, steps_, step_time_);
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
