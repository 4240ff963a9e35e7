#include "server/scheduler/gang_estimate.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/architectures.h"
#include "server/scheduler/stream_shape.h"

namespace seedbed {
namespace {

constexpr int64_t kFloatBytes = 4;
constexpr int64_t kCopies = 4;  // Parameters, gradient, two moments.

int64_t BytesOf(v1::FloatType type) {
  return type == v1::FLOAT_TYPE_BFLOAT16 || type == v1::FLOAT_TYPE_FLOAT16 ? 2 : kFloatBytes;
}

// Layers that must be computed for a hookpoint.
int64_t LayersUpTo(const ModelSize& model, absl::string_view hookpoint) {
  const std::vector<absl::string_view> parts = absl::StrSplit(hookpoint, '.');
  int64_t layer = 0;
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[1], &layer)) return 0;
  return std::min(layer + 1, model.layers);
}

int64_t SparsityOf(const v1::SaeSpec& sae) { return std::min<int64_t>(sae.k(), sae.latents()); }

bool IsSparse(const v1::SaeSpec& sae) {
  const ArchitectureFacts* facts = FindArchitectureFacts(sae.architecture());
  return facts != nullptr && facts->keeps_k;
}

double StepFlops(double d, double batch, const v1::SaeSpec& sae) {
  const double dense = batch * static_cast<double>(sae.latents()) * d;
  if (!IsSparse(sae)) return 12 * dense;
  return 2 * dense + 16 * batch * static_cast<double>(SparsityOf(sae)) * d;
}

}  // namespace

int64_t ParametersUpTo(const ModelSize& model, absl::string_view hookpoint) {
  if (model.layers == 0) return 0;
  const int64_t in_layers = std::max<int64_t>(0, model.parameters - model.vocabulary * model.d_model);
  return in_layers / model.layers * LayersUpTo(model, hookpoint);
}

std::vector<std::string> HookpointsOf(const v1::SaeSpec& sae) {
  std::vector<std::string> hookpoints = {sae.hookpoint()};
  if (!sae.target_hookpoint().empty() && sae.target_hookpoint() != sae.hookpoint()) {
    hookpoints.push_back(sae.target_hookpoint());
  }
  return hookpoints;
}

int64_t HookpointStreamBytes(const ModelSize& model, const v1::StreamSpec& stream) {
  const int64_t block_rows =
      int64_t{stream.micro_batch_sequences()} * stream.sequence_length() * stream.block_micro_batches();
  return model.d_model *
         (BytesOf(stream.dtype()) * block_rows + kFloatBytes * (stream.shuffle_rows() + 2 * stream.batch_tokens()));
}

int64_t RunBytes(const ModelSize& model, const v1::StreamSpec& stream, const v1::SaeSpec& sae) {
  const int64_t d = model.d_model;
  const int64_t n = sae.latents();
  const int64_t parameters = 2 * n * d + n + d + (sae.skip() ? d * d : 0);
  const int64_t active = IsSparse(sae) ? SparsityOf(sae) : 2 * n;
  return kCopies * kFloatBytes * parameters + 2 * kFloatBytes * stream.batch_tokens() * (d + active);
}

std::optional<v1::GangEstimate> EstimateGang(const ModelSize& model, const v1::StreamSpec& stream,
                                             absl::Span<const v1::SaeSpec* const> saes) {
  const int64_t d = model.d_model;
  if (d == 0) return std::nullopt;
  v1::GangEstimate estimate;
  absl::btree_set<std::string> hookpoints;
  int64_t layer_parameters = 0;
  double step_flops = 0;
  for (const v1::SaeSpec* sae : saes) {
    for (const std::string& hookpoint : HookpointsOf(*sae)) {
      hookpoints.insert(hookpoint);
      layer_parameters = std::max(layer_parameters, ParametersUpTo(model, hookpoint));
    }
    const int64_t bytes = RunBytes(model, stream, *sae);
    estimate.set_runs_bytes(estimate.runs_bytes() + bytes);
    estimate.set_largest_run_bytes(std::max(estimate.largest_run_bytes(), bytes));
    step_flops += StepFlops(static_cast<double>(d), static_cast<double>(stream.batch_tokens()), *sae);
  }
  estimate.set_steps_flops(step_flops * static_cast<double>(StepsPerRun(stream)));
  estimate.set_stream_bytes(static_cast<int64_t>(hookpoints.size()) * HookpointStreamBytes(model, stream));
  if (!stream.folder_path().empty()) return estimate;
  const int64_t micro_batch_tokens = int64_t{stream.micro_batch_sequences()} * stream.sequence_length();
  estimate.set_model_bytes(BytesOf(stream.model_dtype()) * (layer_parameters + model.vocabulary * d) +
                           16 * kFloatBytes * d * micro_batch_tokens);
  const double tokens = static_cast<double>(stream.sequences()) * stream.sequence_length();
  estimate.set_model_flops(2 * static_cast<double>(layer_parameters) * tokens);
  return estimate;
}

int64_t LargestRankRunsBytes(int64_t runs_bytes, int64_t largest_run_bytes, int ranks) {
  if (ranks <= 1) return runs_bytes;
  return std::min(runs_bytes, runs_bytes / ranks + largest_run_bytes);
}

int64_t RankMemoryBytes(const v1::GangEstimate& estimate, int ranks) {
  return estimate.model_bytes() + estimate.stream_bytes() +
         LargestRankRunsBytes(estimate.runs_bytes(), estimate.largest_run_bytes(), ranks);
}

GangWork WorkOf(const v1::GangEstimate& estimate, int runs) {
  return {estimate.model_flops(), estimate.steps_flops(), std::max(1, runs)};
}

}  // namespace seedbed
