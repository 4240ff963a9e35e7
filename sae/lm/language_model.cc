#include "sae/lm/language_model.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "common/status.h"
#include "sae/lm/decoder.h"
#include "sae/lm/decoder_weights.h"
#include "sae/lm/device.h"
#include "sae/lm/model_folder.h"

namespace seedbed {
namespace {

absl::Status CheckHookpoints(const LanguageModelOptions& options, const DecoderConfig& config) {
  if (options.hookpoints.empty() && !options.with_head) {
    return absl::InvalidArgumentError("no hookpoint is given, at least one is needed");
  }
  for (const Hookpoint& hookpoint : options.hookpoints) {
    RETURN_IF_ERROR(CheckHookpoint(hookpoint, {config.layers, config.parallel_residual}));
  }
  return absl::OkStatus();
}

int64_t LayersNeeded(const LanguageModelOptions& options, const DecoderConfig& config) {
  if (options.with_head) return config.layers;
  const Hookpoint last = *std::max_element(options.hookpoints.begin(), options.hookpoints.end());
  return last.site == HookSite::kEmbeddings ? 0 : last.layer + 1;
}

// Those whose MLP may be given another input.
std::set<int64_t> LayersWithoutNorm(const LanguageModelOptions& options) {
  std::set<int64_t> layers;
  for (const Hookpoint& hookpoint : options.hookpoints) {
    if (options.with_head && hookpoint.site == HookSite::kMlpInput) layers.insert(hookpoint.layer);
  }
  return layers;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LanguageModel>> LoadLanguageModel(const LanguageModelOptions& options) {
  ASSIGN_OR_RETURN(const at::Device device, ParseDevice(options.device));
  ASSIGN_OR_RETURN(const at::ScalarType dtype, ComputeType(options.dtype, device, HasBfloat16(device)));
  ASSIGN_OR_RETURN(const ModelFolder folder, OpenModelFolder(options.folder));
  RETURN_IF_ERROR(CheckHookpoints(options, folder.config));
  ASSIGN_OR_RETURN(DecoderWeights weights,
                   LoadDecoderWeights(folder, {LayersNeeded(options, folder.config), options.with_head,
                                               LayersWithoutNorm(options), device, dtype}));
  return MakeDecoder(folder.config, std::move(weights), options.hookpoints);
}

}  // namespace seedbed
