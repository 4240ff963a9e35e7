#include "worker/trainer/trainer_plan.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/activations/stream_check.h"
#include "worker/trainer/deal.h"
#include "worker/trainer/sae_translation.h"

namespace seedbed {
namespace {

absl::Status FieldError(absl::string_view field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", what));
}

// An id becomes the name of a folder.
absl::Status CheckId(absl::string_view field, const std::string& id) {
  if (!id.empty() && id != "." && id != ".." && !absl::StrContains(id, '/')) return absl::OkStatus();
  return FieldError(field, absl::StrCat("is \"", id, "\"; must be usable as the name of a folder"));
}

absl::Status CheckCheckpoint(const v1::GangSpec& gang) {
  const v1::CheckpointSpec& checkpoint = gang.checkpoint();
  const bool by_rows = checkpoint.every_tokens() > 0;
  const bool by_time = checkpoint.every_minutes() > 0;
  if (!by_rows && !by_time) return FieldError("gang.checkpoint", "is never due; must be absent or due by rows or time");
  return CheckId("gang.gang_id", gang.gang_id());
}

absl::Status CheckPlace(const v1::TrainerSpec& spec) {
  if (spec.world_size() < 1 || spec.rank() < 0 || spec.rank() >= spec.world_size()) {
    return FieldError("rank", absl::StrCat("is ", spec.rank(), " of world_size ", spec.world_size()));
  }
  if (spec.threads() < 1) return FieldError("threads", absl::StrCat("is ", spec.threads(), "; must be at least 1"));
  if (spec.world_size() > 1 && spec.collective_timeout_ms() < 1) {
    return FieldError("collective_timeout_ms", absl::StrCat("is ", spec.collective_timeout_ms(), "; must be positive"));
  }
  RETURN_IF_ERROR(CheckId("gang.sweep_id", spec.gang().sweep_id()));
  return spec.gang().has_checkpoint() ? CheckCheckpoint(spec.gang()) : absl::OkStatus();
}

absl::StatusOr<StreamConfig> MakeStreamConfig(const v1::StreamSpec& spec) {
  if (spec.order() != v1::SEQUENCE_ORDER_SEQUENTIAL && spec.order() != v1::SEQUENCE_ORDER_SHUFFLED) {
    return FieldError("stream.order", absl::StrCat("is ", spec.order(), "; must be sequential or shuffled"));
  }
  StreamConfig config;
  config.sequence_length = spec.sequence_length();
  config.sequences = spec.sequences();
  config.shuffled = spec.order() == v1::SEQUENCE_ORDER_SHUFFLED;
  config.seed = spec.seed();
  config.exclude_first = spec.exclude_first();
  config.shuffle_rows = spec.shuffle_rows();
  config.epochs = spec.epochs();
  config.batch_tokens = spec.batch_tokens();
  config.micro_batch_sequences = spec.micro_batch_sequences();
  config.block_micro_batches = spec.block_micro_batches();
  config.exclude_tokens.assign(spec.exclude_tokens().begin(), spec.exclude_tokens().end());
  if (spec.has_padding_token()) config.padding_token = spec.padding_token();
  const bool from_folder = !spec.folder_path().empty();
  if (from_folder || config.excludes_by_token()) config.counted_rows = spec.rows_per_epoch();
  if (spec.normalize() == v1::NORMALIZATION_MEAN_SQUARE) config.normalize_rows = spec.normalize_rows();
  RETURN_IF_ERROR(from_folder ? CheckFolderStream(config) : CheckModelStream(config));
  return config;
}

// Its number in `known`, to which it is added if it is new.
int NumberOf(const Hookpoint& hookpoint, std::vector<Hookpoint>& known) {
  const auto found = std::find(known.begin(), known.end(), hookpoint);
  const auto number = static_cast<int>(found - known.begin());
  if (found == known.end()) known.push_back(hookpoint);
  return number;
}

absl::Status AddRun(const v1::RunAssignment& assignment, TrainerPlan& plan) {
  RETURN_IF_ERROR(CheckId("run_id", assignment.run_id()));
  PlannedRun run;
  run.run_id = assignment.run_id();
  run.spec = assignment.sae();
  ASSIGN_OR_RETURN(const Hookpoint input, ParseHookpoint(run.spec.hookpoint()));
  run.input = NumberOf(input, plan.hookpoints);
  run.target = run.input;
  if (!run.spec.target_hookpoint().empty()) {
    ASSIGN_OR_RETURN(const Hookpoint target, ParseHookpoint(run.spec.target_hookpoint()));
    run.target = NumberOf(target, plan.hookpoints);
  }
  ASSIGN_OR_RETURN(run.sae, MakeSaeConfig(run.spec, plan.stream.total_batches()));
  plan.runs.push_back(std::move(run));
  return absl::OkStatus();
}

// A step costs about latents x (d_in + d_out). Every hookpoint of a model is d_model wide, so that is in proportion to
// the latents.
void DealToRanks(TrainerPlan& plan) {
  std::vector<int64_t> costs;
  for (const PlannedRun& run : plan.runs) costs.push_back(run.sae.latents);
  const std::vector<int> ranks = DealRuns(costs, plan.spec.world_size());
  for (size_t i = 0; i < plan.runs.size(); ++i) plan.runs[i].rank = ranks[i];
}

}  // namespace

std::vector<std::vector<int>> TrainerPlan::HostedHookpoints() const {
  std::vector<std::set<int>> sorted(static_cast<size_t>(spec.world_size()));
  for (const PlannedRun& run : runs) sorted[run.rank].insert({run.input, run.target});
  std::vector<std::vector<int>> hosted;
  for (const std::set<int>& of_rank : sorted) hosted.emplace_back(of_rank.begin(), of_rank.end());
  return hosted;
}

absl::StatusOr<TrainerPlan> MakeTrainerPlan(const v1::TrainerSpec& spec) {
  RETURN_IF_ERROR(CheckPlace(spec));
  TrainerPlan plan;
  plan.spec = spec;
  ASSIGN_OR_RETURN(plan.stream, MakeStreamConfig(spec.gang().stream()));
  if (spec.gang().runs().empty()) return FieldError("gang.runs", "is empty; there is nothing to train");
  for (const v1::RunAssignment& assignment : spec.gang().runs()) {
    absl::Status status = AddRun(assignment, plan);
    if (!status.ok()) return Annotate(status, absl::StrCat("run ", assignment.run_id()));
  }
  DealToRanks(plan);
  return plan;
}

}  // namespace seedbed
