#include "sae/lm/families/qwen2.h"

#include "common/status.h"
#include "sae/lm/config_reader.h"
#include "sae/lm/families/llama.h"

namespace seedbed {
namespace {

absl::StatusOr<DecoderConfig> ParseQwen2(const JsonObject& config) {
  ASSIGN_OR_RETURN(DecoderConfig parsed, ParseLlamaFields(config));
  ASSIGN_OR_RETURN(parsed.windows, ParseQwenWindows(config, parsed.layers));
  parsed.query_key_value_bias = true;
  return parsed;
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> ParseQwenWindows(const JsonObject& config, int64_t layers) {
  constexpr int64_t kFirstByDefault = 28;
  ASSIGN_OR_RETURN(const bool slides, BooleanOr(config, "use_sliding_window", false));
  ASSIGN_OR_RETURN(const int64_t window, IntegerOr(config, "sliding_window", kMostPositions, 0));
  int64_t first = kFirstByDefault;
  if (config.Has("max_window_layers")) {
    ASSIGN_OR_RETURN(first, config.Integer("max_window_layers", 0, kMostLayers));
  }
  const int64_t used = slides ? window : 0;
  return ParseWindows(config, layers, used, [&](int64_t layer) { return used > 0 && layer >= first; });
}

const Family kQwen2 = {"qwen2", ParseQwen2, "model.", LlamaTensors};

}  // namespace seedbed
