#include "server/scheduler/expansion.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/architectures.h"
#include "server/scheduler/gang_estimate.h"
#include "server/scheduler/message_hash.h"
#include "server/scheduler/packing.h"
#include "server/scheduler/sae_defaults.h"
#include "server/state/ids.h"

namespace seedbed {
namespace {

// What SAEs of the sweep read and reconstruct: hookpoints, then transcoders.
std::vector<v1::SaeSpec> ExpandPlaces(const v1::SaeGrid& grid) {
  std::vector<v1::SaeSpec> places;
  for (const std::string& hookpoint : grid.hookpoints()) places.emplace_back().set_hookpoint(hookpoint);
  for (const v1::TranscoderSpec& transcoder : grid.transcoders()) {
    v1::SaeSpec& place = places.emplace_back();
    place.set_hookpoint(transcoder.input());
    place.set_target_hookpoint(transcoder.target());
  }
  for (v1::SaeSpec& place : places) place.set_skip(grid.skip());
  return places;
}

// `sae` with each k or each target L0, whichever its architecture has.
std::vector<v1::SaeSpec> ExpandSparsity(const v1::SaeGrid& grid, const v1::SaeSpec& sae) {
  std::vector<v1::SaeSpec> expanded;
  if (FindArchitectureFacts(sae.architecture())->keeps_k) {
    for (const int k : grid.k()) expanded.emplace_back(sae).set_k(k);
    return expanded;
  }
  for (const double target_l0 : grid.target_l0()) expanded.emplace_back(sae).set_target_l0(target_l0);
  if (expanded.empty()) expanded.push_back(sae);
  return expanded;
}

// One SAE for each sibling set, without its seed.
std::vector<v1::SaeSpec> ExpandSets(const ResolvedSweep& sweep) {
  const v1::SaeGrid& grid = sweep.spec.sae();
  std::vector<v1::SaeSpec> sets;
  for (v1::SaeSpec sae : ExpandPlaces(grid)) {
    for (const std::string& architecture : grid.architectures()) {
      sae.set_architecture(architecture);
      for (const int64_t latents : grid.latents()) {
        sae.set_latents(latents);
        for (v1::SaeSpec& set : ExpandSparsity(grid, sae)) {
          ResolveSae(sweep.spec.train(), sweep.shape, set);
          sets.push_back(std::move(set));
        }
      }
    }
  }
  return sets;
}

void ExpandRuns(const ResolvedSweep& sweep, absl::string_view sweep_id, Expansion& expansion) {
  for (const v1::SaeSpec& sae : ExpandSets(sweep)) {
    v1::SiblingSet& set = expansion.sibling_sets.emplace_back();
    set.set_sibling_set_id(SiblingSetId(sweep_id, static_cast<int64_t>(expansion.sibling_sets.size()) - 1));
    for (const uint64_t seed : sweep.spec.sae().seeds()) {
      const std::string run_id = RunId(sweep_id, static_cast<int64_t>(expansion.runs.size()));
      v1::Run& run = expansion.runs.emplace_back();
      run.set_run_id(run_id);
      run.set_sweep_id(std::string(sweep_id));
      run.set_sibling_set_id(set.sibling_set_id());
      *run.mutable_sae() = sae;
      run.mutable_sae()->set_seed(seed);
      run.set_state(v1::RUN_STATE_QUEUED);
      set.add_run_ids(run_id);
    }
  }
}

std::vector<std::vector<int>> PackRuns(const ResolvedSweep& sweep, const v1::StreamSpec& stream,
                                       const std::string& stream_key, const ExpansionOptions& options,
                                       const std::vector<v1::Run>& runs) {
  PackingOptions packing;
  packing.most_runs_per_gang = options.most_runs_per_gang;
  packing.ranks = std::max(1, sweep.spec.resources().ranks());
  packing.hookpoint_bytes = HookpointStreamBytes(sweep.model, stream);
  int64_t model_bytes = 0;
  std::vector<PackableRun> packable;
  for (const v1::Run& run : runs) {
    packable.push_back(
        {stream_key, run.sibling_set_id(), RunBytes(sweep.model, stream, run.sae()), HookpointsOf(run.sae())});
    const std::optional<v1::GangEstimate> alone = EstimateGang(sweep.model, stream, {&run.sae()});
    if (alone.has_value()) model_bytes = std::max(model_bytes, alone->model_bytes());
  }
  // Where not even the model fits, every run is a gang of its own.
  if (options.slot_memory_bytes > 0 && sweep.model.d_model > 0) {
    packing.rank_bytes = std::max<int64_t>(1, options.slot_memory_bytes - model_bytes);
  }
  return PackGangs(packable, packing);
}

void FormGangs(const ResolvedSweep& sweep, absl::string_view sweep_id, const ExpansionOptions& options,
               Expansion& expansion) {
  const v1::StreamSpec stream = ResolveStream(sweep);
  const std::string stream_key = StreamKey(stream);
  for (const std::vector<int>& members : PackRuns(sweep, stream, stream_key, options, expansion.runs)) {
    const std::string gang_id = GangId(sweep_id, static_cast<int64_t>(expansion.gangs.size()));
    v1::Gang& gang = expansion.gangs.emplace_back();
    gang.set_gang_id(gang_id);
    gang.set_sweep_id(std::string(sweep_id));
    gang.set_stream_key(stream_key);
    *gang.mutable_stream() = stream;
    if (sweep.spec.activations().has_cache()) *gang.mutable_cache() = sweep.spec.activations().cache();
    if (sweep.spec.evaluation().sequences() > 0) *gang.mutable_evaluation() = sweep.spec.evaluation();
    const v1::CheckpointSpec& checkpoint = sweep.spec.checkpoint();
    if (checkpoint.every_tokens() > 0 || checkpoint.every_minutes() > 0) *gang.mutable_checkpoint() = checkpoint;
    gang.set_ranks_wanted(sweep.spec.resources().ranks());
    gang.set_state(v1::GANG_STATE_QUEUED);
    std::vector<const v1::SaeSpec*> saes;
    for (const int index : members) {
      gang.add_run_ids(expansion.runs[index].run_id());
      expansion.runs[index].set_gang_id(gang_id);
      saes.push_back(&expansion.runs[index].sae());
    }
    if (auto estimate = EstimateGang(sweep.model, stream, saes); estimate.has_value()) {
      *gang.mutable_estimate() = *std::move(estimate);
    }
  }
}

}  // namespace

v1::StreamSpec ResolveStream(const ResolvedSweep& sweep) {
  const v1::DataSpec& data = sweep.spec.data();
  const v1::ActivationSpec& activations = sweep.spec.activations();
  v1::StreamSpec stream;
  stream.set_model_path(sweep.spec.model().path());
  stream.set_model_dtype(sweep.spec.model().dtype());
  for (int i = 0; i < data.tokens_size(); ++i) {
    v1::TokenShare& share = *stream.add_tokens();
    share.set_path(data.tokens(i).path());
    share.set_sequences(sweep.shape.sequences_by_file[i]);
  }
  stream.set_sequence_length(data.sequence_length());
  stream.set_sequences(sweep.shape.sequences);
  stream.set_order(data.order());
  stream.set_seed(data.seed());
  if (data.has_padding_token()) stream.set_padding_token(data.padding_token());
  stream.set_exclude_first(activations.exclude_first());
  *stream.mutable_exclude_tokens() = activations.exclude_tokens();
  std::sort(stream.mutable_exclude_tokens()->begin(), stream.mutable_exclude_tokens()->end());
  stream.set_shuffle_rows(activations.shuffle_rows());
  stream.set_dtype(activations.dtype());
  stream.set_folder_path(activations.path());
  stream.set_normalize(activations.normalize());
  stream.set_normalize_rows(activations.normalize_rows());
  stream.set_rows_per_epoch(sweep.shape.rows_per_epoch);
  stream.set_epochs(sweep.spec.train().epochs());
  stream.set_batch_tokens(sweep.spec.train().batch_tokens());
  stream.set_micro_batch_sequences(kMicroBatchSequences);
  stream.set_block_micro_batches(kBlockMicroBatches);
  return stream;
}

std::string StreamKey(const v1::StreamSpec& stream) { return MessageSha256(stream); }

Expansion ExpandSweep(const ResolvedSweep& sweep, absl::string_view sweep_id, const ExpansionOptions& options) {
  Expansion expansion;
  ExpandRuns(sweep, sweep_id, expansion);
  FormGangs(sweep, sweep_id, options, expansion);
  return expansion;
}

}  // namespace seedbed
