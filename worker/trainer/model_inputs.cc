#include "worker/trainer/model_inputs.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/sha256.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/activations/model_stream.h"
#include "sae/activations/stream_check.h"
#include "sae/evaluation/held_out.h"
#include "sae/lm/device.h"
#include "torch/version.h"
#include "worker/trainer/checkpoint/checkpoint_folder.h"
#include "worker/trainer/failure.h"
#include "worker/trainer/float_types.h"

namespace seedbed {
namespace {

absl::StatusOr<TokenMixture> OpenTokens(const TrainerPlan& plan, const ModelFacts& facts) {
  std::vector<MixtureFile> files;
  for (const v1::TokenShare& share : plan.spec.gang().stream().tokens()) {
    files.push_back({share.path(), share.sequences()});
  }
  ASSIGN_OR_RETURN(TokenMixture tokens, TokenMixture::Open(files, plan.stream.sequence_length));
  RETURN_IF_ERROR(CheckTokens(plan.stream, tokens, facts.vocabulary_size, facts.context_length));
  return tokens;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StreamInputs>> ModelInputs::Load(const TrainerPlan& plan) {
  const v1::StreamSpec& stream = plan.spec.gang().stream();
  ASSIGN_OR_RETURN(ModelFacts facts, InspectModel(stream.model_path()));
  ASSIGN_OR_RETURN(TokenMixture tokens, OpenTokens(plan, facts));
  ASSIGN_OR_RETURN(const at::Device device, ParseDevice(plan.spec.device()));
  ASSIGN_OR_RETURN(const at::ScalarType model_dtype,
                   ComputeType(ScalarTypeOf(stream.model_dtype()), device, HasBfloat16(device)));
  std::unique_ptr<ModelInputs> inputs(new ModelInputs(&plan, std::move(facts), std::move(tokens), model_dtype,
                                                      ScalarTypeOf(stream.dtype()).value_or(model_dtype)));
  RETURN_IF_ERROR(inputs->OpenStore());
  if (!inputs->CachesAreComplete()) RETURN_IF_ERROR(inputs->Model().status());
  return inputs;
}

ModelInputs::ModelInputs(const TrainerPlan* plan, ModelFacts facts, TokenMixture tokens, at::ScalarType model_dtype,
                         at::ScalarType row_dtype)
    : plan_(*plan),
      facts_(std::move(facts)),
      tokens_(std::move(tokens)),
      model_dtype_(model_dtype),
      row_dtype_(row_dtype),
      caches_(Caches()) {}

std::vector<RowCacheOptions> ModelInputs::Caches() const {
  RowCacheOptions options;
  options.facts = RowFactsJson();
  options.key = Sha256Hex(options.facts);
  std::vector<RowCacheOptions> caches;
  if (plan_.spec.gang().has_cache()) {
    options.dir = plan_.spec.gang().cache().dir();
    options.max_bytes = plan_.spec.gang().cache().max_bytes();
    caches.push_back(options);
  }
  if (plan_.spec.gang().has_checkpoint() && plan_.stream.epochs > 1) {
    options.dir = CheckpointFolder::RowsPathOf(plan_);
    options.max_bytes = RowCacheOptions::kNoBound;
    caches.push_back(options);
  }
  return caches;
}

absl::Status ModelInputs::OpenStore() {
  BlockStoreOptions options;
  options.scratch_dir = plan_.spec.scratch_dir();
  options.keep = plan_.stream.epochs > 1;
  options.caches = caches_;
  const std::vector<std::vector<int>> hosted = plan_.HostedHookpoints();
  for (const int hookpoint : hosted[plan_.spec.rank()]) {
    options.hookpoints.push_back(plan_.hookpoints[hookpoint].ToString());
  }
  options.width = facts_.d_model;
  options.dtype = row_dtype_;
  options.blocks = BlockPlan(plan_.stream).blocks();
  options.rows = plan_.stream.rows_per_epoch();
  absl::StatusOr<std::unique_ptr<BlockStore>> store = BlockStore::Open(std::move(options));
  if (!store.ok()) return AsIoFailure(store.status());
  store_ = *std::move(store);
  return absl::OkStatus();
}

bool ModelInputs::CachesAreComplete() const {
  if (caches_.empty()) return false;
  const int64_t blocks = BlockPlan(plan_.stream).blocks();
  for (int64_t block = 0; block < blocks; ++block) {
    if (!store_->HasBlock(block)) return false;
  }
  return true;
}

std::string ModelInputs::RowFactsJson() const {
  nlohmann::json tokens = nlohmann::json::array();
  for (size_t i = 0; i < tokens_.files().size(); ++i) {
    tokens.push_back({{"sha256", tokens_.files()[i].sha256()},
                      {"sequences", plan_.spec.gang().stream().tokens(static_cast<int>(i)).sequences()}});
  }
  const StreamConfig& stream = plan_.stream;
  nlohmann::json facts = {{"model_fingerprint", facts_.fingerprint},
                          {"model_type", facts_.model_type},
                          {"model_dtype", NameOf(model_dtype_)},
                          {"d_model", facts_.d_model},
                          {"row_dtype", NameOf(row_dtype_)},
                          {"tokens", tokens},
                          {"sequence_length", stream.sequence_length},
                          {"sequences", stream.sequences},
                          {"shuffled", stream.shuffled},
                          {"order_seed", stream.shuffled ? stream.seed : 0},
                          {"exclude_first", stream.exclude_first},
                          {"exclude_tokens", stream.exclude_tokens},
                          {"micro_batch_sequences", stream.micro_batch_sequences},
                          {"block_micro_batches", stream.block_micro_batches}};
  if (stream.padding_token.has_value()) facts["padding_token"] = *stream.padding_token;
  return facts.dump();
}

absl::StatusOr<std::vector<MicroBatch>> ModelInputs::ReadHeldOut(int64_t sequences) const {
  return seedbed::ReadHeldOut(plan_.stream, tokens_, sequences);
}

absl::StatusOr<std::unique_ptr<LanguageModel>> ModelInputs::LoadWithHead(
    const std::vector<Hookpoint>& hookpoints) const {
  LanguageModelOptions options;
  options.folder = plan_.spec.gang().stream().model_path();
  options.hookpoints = hookpoints;
  options.device = plan_.spec.device();
  options.dtype = model_dtype_;
  options.with_head = true;
  return LoadLanguageModel(options);
}

absl::StatusOr<LanguageModel*> ModelInputs::Model() {
  if (model_ == nullptr) {
    LanguageModelOptions options;
    options.folder = plan_.spec.gang().stream().model_path();
    options.hookpoints = plan_.hookpoints;
    options.device = plan_.spec.device();
    options.dtype = model_dtype_;
    ASSIGN_OR_RETURN(model_, LoadLanguageModel(options));
  }
  return model_.get();
}

StreamIdentity ModelInputs::identity() const {
  const auto append_checksum = [](std::string* out, const TokenFile& file) { out->append(file.sha256()); };
  return {{"model_fingerprint", facts_.fingerprint},
          {"model_dtype", std::string(NameOf(model_dtype_))},
          {"row_dtype", std::string(NameOf(row_dtype_))},
          {"tokens_sha256", absl::StrJoin(tokens_.files(), ",", append_checksum)}};
}

absl::StatusOr<std::unique_ptr<ActivationStream>> ModelInputs::OpenStream(Collectives* collectives, Clock* clock,
                                                                          const StreamStart& start,
                                                                          std::function<void()> on_micro_batch) {
  BlockSourceParts parts;
  parts.tokens = &tokens_;
  parts.model = [this] { return Model(); };
  parts.hookpoints = static_cast<int>(plan_.hookpoints.size());
  parts.d_model = facts_.d_model;
  parts.dtype = row_dtype_;
  parts.device = plan_.spec.device();
  parts.collectives = collectives;
  parts.hosted = plan_.HostedHookpoints();
  parts.store = std::move(store_);
  parts.cached = !caches_.empty();
  parts.clock = clock;
  parts.on_micro_batch = std::move(on_micro_batch);
  parts.low_memory = plan_.spec.gang().low_memory();
  return ModelStream::Create(plan_.stream, std::move(parts), start);
}

}  // namespace seedbed
