// The rotary embedding as config.json describes it.
#ifndef SEEDBED_SAE_LM_ROTARY_READER_H_
#define SEEDBED_SAE_LM_ROTARY_READER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "sae/io/json_object.h"
#include "sae/lm/decoder_config.h"

namespace seedbed {

// How one family spells the rotary embedding outside rope_parameters and rope_scaling.
struct RotaryFields {
  std::string theta = "rope_theta";
  std::string fraction;  // Empty: the whole head is turned.
  double default_fraction = 1;
};

// Transformers 5 writes rope_parameters; before it wrote rope_theta, and rope_scaling where it scaled.
// INVALID_ARGUMENT, naming file and field, what was found and what is allowed.
absl::StatusOr<RotaryConfig> ParseRotary(const JsonObject& config, const RotaryFields& fields, int64_t d_head,
                                         int64_t context_length);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_ROTARY_READER_H_
