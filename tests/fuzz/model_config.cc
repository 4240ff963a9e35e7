// config.json of a language model, through every family's reader and its table of tensors.
#include "sae/lm/families/family.h"
#include "tests/fuzz/fuzzing.h"

namespace seedbed {
namespace {

absl::Status Read(absl::string_view text) {
  const absl::StatusOr<JsonObject> json = JsonObject::Parse(text, "config.json");
  if (!json.ok()) return json.status();
  const absl::StatusOr<const Family*> family = FindFamily(*json);
  if (!family.ok()) return family.status();
  const absl::StatusOr<DecoderConfig> config = (*family)->parse_config(*json);
  if (!config.ok()) return config.status();
  Require(config->heads % config->kv_heads == 0, "heads that key and value heads do not divide");
  Require(config->rotary.dimensions >= 0 && config->rotary.dimensions <= config->d_head,
          "turned dimensions out of range");
  Require(config->rotary.dimensions % 2 == 0, "odd turned dimensions");
  Require(config->windows.size() == static_cast<size_t>(config->layers), "a window for each layer");
  if (config->layers < 100) {
    const DecoderTensors tensors = (*family)->tensors(*config, std::string((*family)->base_prefix));
    Require(tensors.layers.size() == static_cast<size_t>(config->layers), "tensors of each layer");
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace seedbed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Status status = seedbed::Read(seedbed::AsText(data, size));
  if (!status.ok()) seedbed::RequireNamesFile(status, "config.json: ");
  return 0;
}
