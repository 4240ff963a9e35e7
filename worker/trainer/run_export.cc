#include "worker/trainer/run_export.h"

#include <map>

#include "common/enum_word.h"
#include "common/file.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/dictionary.h"
#include "torch/version.h"
#include "worker/trainer/failure.h"

namespace seedbed {
namespace {

using Json = nlohmann::json;

Json TokenFacts(const v1::StreamSpec& stream) {
  Json tokens = Json::array();
  for (const v1::TokenShare& share : stream.tokens()) {
    tokens.push_back({{"path", share.path()}, {"sequences", share.sequences()}});
  }
  return tokens;
}

Json StreamFacts(const v1::StreamSpec& stream, const RunProvenance& provenance) {
  Json facts = {{"order", EnumWord(v1::SequenceOrder_Name(stream.order()), "SEQUENCE_ORDER_")},
                {"seed", stream.seed()},
                {"rows_per_epoch", stream.rows_per_epoch()},
                {"epochs", stream.epochs()},
                {"batch_tokens", stream.batch_tokens()},
                {"scale", provenance.input_scale}};
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

Json OptimizerFacts(const v1::OptimizerSpec& optimizer) {
  Json facts = {{"kind", EnumWord(v1::OptimizerKind_Name(optimizer.kind()), "OPTIMIZER_KIND_")},
                {"gradient_clip", optimizer.gradient_clip()}};
  if (optimizer.kind() == v1::OPTIMIZER_KIND_SIGNUM) {
    facts["momentum"] = optimizer.momentum();
    return facts;
  }
  facts["beta1"] = optimizer.beta1();
  facts["beta2"] = optimizer.beta2();
  facts["epsilon"] = optimizer.epsilon();
  return facts;
}

// What only some architectures have.
void AddArchitectureFacts(const v1::SaeSpec& sae, Json& facts) {
  if (sae.k() > 0) {
    facts["k"] = sae.k();
    facts["auxiliary_alpha"] = sae.auxiliary_alpha();
    facts["auxiliary_k"] = sae.auxiliary_k();
    facts["multi_topk"] = sae.multi_topk();
    facts["threshold_decay"] = sae.threshold_decay();
    facts["threshold_start_step"] = sae.threshold_start_step();
  } else {
    facts["sparsity_coefficient"] = sae.sparsity_coefficient();
    facts["sparsity_warmup_steps"] = sae.sparsity_warmup_steps();
    facts["target_l0"] = sae.target_l0();
  }
  if (!sae.group_sizes().empty()) facts["group_sizes"] = sae.group_sizes();
  if (sae.architecture() != "jumprelu") return;
  facts["bandwidth"] = sae.bandwidth();
  facts["initial_threshold"] = sae.initial_threshold();
  if (sae.penalty() != v1::JUMPRELU_PENALTY_UNSPECIFIED) {
    facts["penalty"] = EnumWord(v1::JumpreluPenalty_Name(sae.penalty()), "JUMPRELU_PENALTY_");
  }
}

Json TrainingFacts(const v1::SaeSpec& sae) {
  Json facts = {{"hookpoint", sae.hookpoint()},
                {"architecture", sae.architecture()},
                {"convention", EnumWord(v1::Convention_Name(sae.convention()), "CONVENTION_")},
                {"latents", sae.latents()},
                {"seed", sae.seed()},
                {"skip", sae.skip()},
                {"optimizer", OptimizerFacts(sae.optimizer())},
                {"learning_rate", sae.learning_rate()},
                {"warmup_steps", sae.warmup_steps()},
                {"decay", EnumWord(v1::LearningRateDecay_Name(sae.decay()), "LEARNING_RATE_DECAY_")},
                {"decay_start_step", sae.decay_start_step()},
                {"final_learning_rate", sae.final_learning_rate()},
                {"decoder_bias", EnumWord(v1::DecoderBiasStart_Name(sae.decoder_bias()), "DECODER_BIAS_START_")},
                {"dead_after_tokens", sae.dead_after_tokens()},
                {"compute", EnumWord(v1::ComputeType_Name(sae.compute()), "COMPUTE_TYPE_")}};
  AddArchitectureFacts(sae, facts);
  if (!sae.target_hookpoint().empty()) facts["target_hookpoint"] = sae.target_hookpoint();
  if (!sae.init_from().empty()) facts["init_from"] = sae.init_from();
  return facts;
}

Json EvaluationFacts(const v1::EvaluationMetrics& metrics) {
  return {{"tokens", metrics.tokens()},
          {"fvu", metrics.fvu()},
          {"explained_variance", metrics.explained_variance()},
          {"mse", metrics.mse()},
          {"l0", metrics.l0()},
          {"l0_histogram", metrics.l0_histogram()},
          {"dead_fraction", metrics.dead_fraction()},
          {"dense_fraction", metrics.dense_fraction()},
          {"cosine", metrics.cosine()},
          {"norm_ratio", metrics.norm_ratio()},
          {"cross_entropy", metrics.cross_entropy()},
          {"cross_entropy_spliced", metrics.cross_entropy_spliced()},
          {"cross_entropy_zero", metrics.cross_entropy_zero()},
          {"cross_entropy_mean", metrics.cross_entropy_mean()},
          {"loss_recovered_zero", metrics.loss_recovered_zero()},
          {"loss_recovered_mean", metrics.loss_recovered_mean()}};
}

Json MetricsFacts(const StepMetrics& metrics) {
  return {{"fvu", metrics.fvu},
          {"mse", metrics.mse},
          {"l0", metrics.l0},
          {"dead_fraction", metrics.dead_fraction},
          {"auxiliary_loss", metrics.auxiliary_loss},
          {"loss", metrics.loss},
          {"sparsity_coefficient", metrics.sparsity_coefficient}};
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
  const std::string folder = JoinPath(sweep_folder, run.run_id());
  const int attempt = plan.spec.gang().attempt();
  // Of attempts that died in the middle of it. Their ranks are gone, or can't rename any more what is not there.
  for (int earlier = 1; earlier < attempt; ++earlier) RETURN_IF_ERROR(RemoveAll(StagingFolder(folder, earlier)));
  std::map<std::string, std::string> files = EvaluationFiles(run.evaluations());
  files["training.csv"] = run.recorder().training_csv();
  return ExportDictionary(WithoutScale(run.dictionary(), provenance.input_scale, provenance.target_scale),
                          FactsJson(plan, run, provenance), files, attempt, folder);
}

}  // namespace

v1::RunMetrics ToProto(const StepMetrics& metrics) {
  v1::RunMetrics out;
  out.set_fvu(metrics.fvu);
  out.set_mse(metrics.mse);
  out.set_l0(metrics.l0);
  out.set_dead_fraction(metrics.dead_fraction);
  out.set_auxiliary_loss(metrics.auxiliary_loss);
  out.set_loss(metrics.loss);
  out.set_sparsity_coefficient(metrics.sparsity_coefficient);
  return out;
}

std::string FactsJson(const TrainerPlan& plan, const HostedRun& run, const RunProvenance& provenance) {
  const v1::SaeSpec& sae = run.planned().spec;
  const std::string& device = plan.spec.device();
  Json facts = {{"run_id", run.run_id()},
                {"sweep_id", plan.spec.gang().sweep_id()},
                {"seed", sae.seed()},
                {"hookpoint", sae.hookpoint()},
                {"architecture", sae.architecture()},
                {"convention", EnumWord(v1::Convention_Name(sae.convention()), "CONVENTION_")},
                {"latents", sae.latents()},
                {"stream", StreamFacts(plan.spec.gang().stream(), provenance)},
                {"training", TrainingFacts(sae)},
                {"steps", run.recorder().steps()},
                {"batch_hash", provenance.batch_hash},
                {"metrics", MetricsFacts(run.recorder().Result())},
                {"device_type", device.substr(0, device.find(':'))},
                {"threads", plan.spec.threads()},
                {"libtorch_version", TORCH_VERSION}};
  if (!sae.target_hookpoint().empty()) {
    facts["target_hookpoint"] = sae.target_hookpoint();
    facts["stream"]["target_scale"] = provenance.target_scale;
  }
  if (sae.k() > 0) facts["k"] = sae.k();
  if (sae.target_l0() > 0) {
    facts["metrics"]["reached_l0"] = run.recorder().FinalL0();
    facts["metrics"]["target_l0_missed"] = MissesTargetL0(run.recorder().FinalL0(), sae.target_l0());
  }
  if (!run.evaluations().empty()) facts["evaluation"] = EvaluationFacts(run.evaluations().back().metrics);
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
  if (!run.evaluations().empty()) *result.mutable_evaluation() = run.evaluations().back().metrics;
  if (const double target = run.planned().spec.target_l0(); target > 0) {
    result.set_reached_l0(run.recorder().FinalL0());
    result.set_target_l0_missed(MissesTargetL0(run.recorder().FinalL0(), target));
  }
  return result;
}

}  // namespace seedbed
