#include "server/scheduler/expansion.h"

#include "server/scheduler/message_hash.h"
#include "server/scheduler/sweep_defaults.h"
#include "server/state/ids.h"

namespace seedbed {
namespace {

// What runs of the sweep have in common but for the axes.
v1::SaeSpec CommonSae(const v1::TrainSpec& train) {
  v1::SaeSpec sae;
  sae.set_warmup_steps(train.warmup_steps());
  sae.set_decay(train.decay());
  sae.set_auxiliary_alpha(train.auxiliary().alpha());
  sae.set_dead_after_tokens(train.auxiliary().dead_after_tokens());
  return sae;
}

// One SAE for each sibling set, without its seed.
std::vector<v1::SaeSpec> ExpandSets(const v1::SweepSpec& spec) {
  std::vector<v1::SaeSpec> sets;
  v1::SaeSpec sae = CommonSae(spec.train());
  for (const std::string& hookpoint : spec.sae().hookpoints()) {
    sae.set_hookpoint(hookpoint);
    for (const std::string& architecture : spec.sae().architectures()) {
      sae.set_architecture(architecture);
      for (const int64_t latents : spec.sae().latents()) {
        sae.set_latents(latents);
        sae.set_learning_rate(spec.train().has_learning_rate() ? spec.train().learning_rate()
                                                               : DefaultLearningRate(latents));
        for (const int k : spec.sae().k()) {
          sae.set_k(k);
          sets.push_back(sae);
        }
      }
    }
  }
  return sets;
}

void ExpandRuns(const v1::SweepSpec& spec, absl::string_view sweep_id, Expansion& expansion) {
  for (const v1::SaeSpec& sae : ExpandSets(spec)) {
    v1::SiblingSet& set = expansion.sibling_sets.emplace_back();
    set.set_sibling_set_id(SiblingSetId(sweep_id, static_cast<int64_t>(expansion.sibling_sets.size()) - 1));
    for (const uint64_t seed : spec.sae().seeds()) {
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

void FormGangs(const v1::SweepSpec& spec, absl::string_view sweep_id, const PackingOptions& packing,
               Expansion& expansion) {
  const v1::StreamSpec stream = ResolveStream(spec);
  const std::string stream_key = StreamKey(stream);
  std::vector<PackableRun> packable;
  for (const v1::Run& run : expansion.runs) packable.push_back({stream_key, run.sibling_set_id()});
  for (const std::vector<int>& members : PackGangs(packable, packing)) {
    const std::string gang_id = GangId(sweep_id, static_cast<int64_t>(expansion.gangs.size()));
    v1::Gang& gang = expansion.gangs.emplace_back();
    gang.set_gang_id(gang_id);
    gang.set_sweep_id(std::string(sweep_id));
    gang.set_stream_key(stream_key);
    *gang.mutable_stream() = stream;
    gang.set_ranks_wanted(spec.resources().ranks());
    gang.set_state(v1::GANG_STATE_QUEUED);
    for (const int index : members) {
      gang.add_run_ids(expansion.runs[index].run_id());
      expansion.runs[index].set_gang_id(gang_id);
    }
  }
}

}  // namespace

v1::StreamSpec ResolveStream(const v1::SweepSpec& spec) {
  v1::StreamSpec stream;
  stream.set_model_path(spec.model().path());
  const StreamShape shape = ShapeOf(spec);
  for (const v1::TokenFileSpec& file : spec.data().tokens()) {
    v1::TokenShare* share = stream.add_tokens();
    share->set_path(file.path());
    share->set_sequences(shape.sequences);
  }
  stream.set_sequence_length(spec.data().sequence_length());
  stream.set_sequences(shape.sequences);
  stream.set_rows_per_epoch(shape.rows_per_epoch);
  stream.set_order(spec.data().order());
  stream.set_seed(spec.data().seed());
  stream.set_exclude_first(spec.activations().exclude_first());
  stream.set_shuffle_rows(spec.activations().shuffle_rows());
  stream.set_epochs(spec.train().epochs());
  stream.set_batch_tokens(spec.train().batch_tokens());
  stream.set_micro_batch_sequences(kMicroBatchSequences);
  stream.set_block_micro_batches(kBlockMicroBatches);
  return stream;
}

std::string StreamKey(const v1::StreamSpec& stream) { return MessageSha256(stream); }

Expansion ExpandSweep(const v1::SweepSpec& spec, absl::string_view sweep_id, const PackingOptions& packing) {
  Expansion expansion;
  expansion.shape = ShapeOf(spec);
  ExpandRuns(spec, sweep_id, expansion);
  FormGangs(spec, sweep_id, packing, expansion);
  return expansion;
}

}  // namespace seedbed
