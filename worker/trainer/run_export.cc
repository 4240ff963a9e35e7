#include "worker/trainer/run_export.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "common/file.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/dictionary.h"
#include "torch/version.h"
#include "worker/trainer/failure.h"

namespace seedbed {
namespace {

using Json = nlohmann::json;

// SEQUENCE_ORDER_SHUFFLED -> "shuffled".
std::string NameOf(const std::string& value, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(value, prefix));
}

Json TokenFacts(const v1::StreamSpec& stream) {
  Json tokens = Json::array();
  for (const v1::TokenShare& share : stream.tokens()) {
    tokens.push_back({{"path", share.path()}, {"sequences", share.sequences()}});
  }
  return tokens;
}

Json StreamFacts(const v1::StreamSpec& stream, const RunProvenance& provenance) {
  Json facts = {{"order", NameOf(v1::SequenceOrder_Name(stream.order()), "SEQUENCE_ORDER_")},
                {"seed", stream.seed()},
                {"rows_per_epoch", stream.rows_per_epoch()},
                {"epochs", stream.epochs()},
                {"batch_tokens", stream.batch_tokens()},
                {"scale", provenance.scale}};
  facts.update(Json(provenance.stream));
  if (!stream.model_path().empty()) facts["model_path"] = stream.model_path();
  if (!stream.folder_path().empty()) {
    facts["folder_path"] = stream.folder_path();
    return facts;
  }
  facts["tokens"] = TokenFacts(stream);
  facts["sequence_length"] = stream.sequence_length();
  facts["sequences"] = stream.sequences();
  facts["exclude_first"] = stream.exclude_first();
  facts["exclude_tokens"] = stream.exclude_tokens();
  if (stream.has_padding_token()) facts["padding_token"] = stream.padding_token();
  facts["shuffle_rows"] = stream.shuffle_rows();
  facts["micro_batch_sequences"] = stream.micro_batch_sequences();
  facts["block_micro_batches"] = stream.block_micro_batches();
  return facts;
}

Json TrainingFacts(const v1::SaeSpec& sae) {
  return {{"hookpoint", sae.hookpoint()},
          {"architecture", sae.architecture()},
          {"latents", sae.latents()},
          {"k", sae.k()},
          {"seed", sae.seed()},
          {"learning_rate", sae.learning_rate()},
          {"warmup_steps", sae.warmup_steps()},
          {"decay", NameOf(v1::LearningRateDecay_Name(sae.decay()), "LEARNING_RATE_DECAY_")},
          {"auxiliary_alpha", sae.auxiliary_alpha()},
          {"dead_after_tokens", sae.dead_after_tokens()}};
}

Json MetricsFacts(const StepMetrics& metrics) {
  return {{"fvu", metrics.fvu},
          {"mse", metrics.mse},
          {"l0", metrics.l0},
          {"dead_fraction", metrics.dead_fraction},
          {"auxiliary_loss", metrics.auxiliary_loss}};
}

v1::Artifact ToProto(const ExportedDictionary& exported) {
  v1::Artifact artifact;
  artifact.set_path(exported.path);
  artifact.set_manifest_sha256(exported.manifest_sha256);
  for (const ExportedFile& file : exported.files) {
    v1::ArtifactFile* out = artifact.add_files();
    out->set_name(file.name);
    out->set_bytes(file.bytes);
    out->set_sha256(file.sha256);
  }
  return artifact;
}

absl::StatusOr<ExportedDictionary> WriteFolder(const TrainerPlan& plan, const HostedRun& run,
                                               const RunProvenance& provenance) {
  const std::string sweep_folder = JoinPath(plan.spec.artifact_root(), plan.spec.gang().sweep_id());
  RETURN_IF_ERROR(MakeFolders(sweep_folder));
  return ExportDictionary(WithoutScale(run.sae().ExportDictionary(), provenance.scale, provenance.scale),
                          FactsJson(plan, run, provenance), {{"training.csv", run.recorder().training_csv()}},
                          plan.spec.gang().attempt(), JoinPath(sweep_folder, run.run_id()));
}

}  // namespace

v1::RunMetrics ToProto(const StepMetrics& metrics) {
  v1::RunMetrics out;
  out.set_fvu(metrics.fvu);
  out.set_mse(metrics.mse);
  out.set_l0(metrics.l0);
  out.set_dead_fraction(metrics.dead_fraction);
  out.set_auxiliary_loss(metrics.auxiliary_loss);
  return out;
}

std::string FactsJson(const TrainerPlan& plan, const HostedRun& run, const RunProvenance& provenance) {
  const v1::SaeSpec& sae = run.planned().spec;
  const std::string& device = plan.spec.device();
  const Json facts = {{"run_id", run.run_id()},
                      {"sweep_id", plan.spec.gang().sweep_id()},
                      {"seed", sae.seed()},
                      {"hookpoint", sae.hookpoint()},
                      {"architecture", sae.architecture()},
                      {"latents", sae.latents()},
                      {"k", sae.k()},
                      {"stream", StreamFacts(plan.spec.gang().stream(), provenance)},
                      {"training", TrainingFacts(sae)},
                      {"steps", run.recorder().steps()},
                      {"batch_hash", provenance.batch_hash},
                      {"metrics", MetricsFacts(run.recorder().Result())},
                      {"device_type", device.substr(0, device.find(':'))},
                      {"threads", plan.spec.threads()},
                      {"libtorch_version", TORCH_VERSION}};
  return facts.dump();
}

absl::StatusOr<v1::RunResult> ExportRun(const TrainerPlan& plan, const HostedRun& run,
                                        const RunProvenance& provenance) {
  const absl::StatusOr<ExportedDictionary> exported = WriteFolder(plan, run, provenance);
  if (!exported.ok()) return AsIoFailure(Annotate(exported.status(), absl::StrCat("export of run ", run.run_id())));
  v1::RunResult result;
  *result.mutable_metrics() = ToProto(run.recorder().Result());
  result.set_steps(run.recorder().steps());
  result.set_batch_hash(provenance.batch_hash);
  *result.mutable_dictionary() = ToProto(*exported);
  result.set_tokens_harvested(provenance.tokens_harvested);
  return result;
}

}  // namespace seedbed
