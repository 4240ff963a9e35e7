// The families of language models, by config.json's model_type.
#ifndef SEEDBED_SAE_LM_FAMILIES_FAMILY_H_
#define SEEDBED_SAE_LM_FAMILIES_FAMILY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/io/json_object.h"
#include "sae/lm/decoder_config.h"
#include "sae/lm/tensor_table.h"

namespace seedbed {

struct Family {
  absl::string_view model_type;

  // INVALID_ARGUMENT, naming file and field: a field that is missing, of another type or out of range; an architecture
  // that is not supported.
  absl::StatusOr<DecoderConfig> (*parse_config)(const JsonObject& config);

  // Where the base model lies in the model with a head. Files that were saved from the base model alone lack it.
  absl::string_view base_prefix;
  // `prefix`: base_prefix, or nothing.
  DecoderTensors (*tensors)(const DecoderConfig& config, const std::string& prefix);
};

// INVALID_ARGUMENT, listing the families, for another one.
absl::StatusOr<const Family*> FindFamily(const JsonObject& config);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_FAMILIES_FAMILY_H_
