#include "sae/lm/families/mistral.h"

#include "common/status.h"
#include "sae/lm/config_reader.h"
#include "sae/lm/families/llama.h"

namespace seedbed {
namespace {

absl::StatusOr<DecoderConfig> ParseMistral(const JsonObject& config) {
  ASSIGN_OR_RETURN(DecoderConfig parsed, ParseLlamaFields(config));
  ASSIGN_OR_RETURN(const int64_t window, IntegerOr(config, "sliding_window", kMostPositions, 0));
  parsed.windows.assign(static_cast<size_t>(parsed.layers), window);
  return parsed;
}

}  // namespace

const Family kMistral = {"mistral", ParseMistral, "model.", LlamaTensors};

}  // namespace seedbed
