// config.json of a language model.
#include "sae/lm/llama_config.h"
#include "tests/fuzz/fuzzing.h"

namespace seedbed {
namespace {

absl::Status Read(absl::string_view text) {
  const absl::StatusOr<JsonObject> json = JsonObject::Parse(text, "config.json");
  if (!json.ok()) return json.status();
  const absl::StatusOr<LlamaConfig> config = ParseLlamaConfig(*json);
  if (!config.ok()) return config.status();
  Require(config->heads % config->kv_heads == 0, "heads that key and value heads do not divide");
  Require(config->d_head % 2 == 0, "an odd head");
  return absl::OkStatus();
}

}  // namespace
}  // namespace seedbed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Status status = seedbed::Read(seedbed::AsText(data, size));
  if (!status.ok()) seedbed::RequireNamesFile(status, "config.json: ");
  return 0;
}
