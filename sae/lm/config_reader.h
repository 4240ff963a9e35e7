// Pieces of config.json that several families read alike. Errors: INVALID_ARGUMENT, naming file and field, what was
// found and what is allowed.
#ifndef SEEDBED_SAE_LM_CONFIG_READER_H_
#define SEEDBED_SAE_LM_CONFIG_READER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/io/json_object.h"
#include "sae/lm/decoder_config.h"

namespace seedbed {

// Far above any model's, and small enough that no product of two sizes overflows.
inline constexpr int64_t kMostWidth = int64_t{1} << 24;
inline constexpr int64_t kMostVocabulary = int64_t{1} << 31;
inline constexpr int64_t kMostLayers = int64_t{1} << 16;
inline constexpr int64_t kMostPositions = int64_t{1} << 31;

// `otherwise` where the field is missing or null.
absl::StatusOr<int64_t> IntegerOr(const JsonObject& config, const std::string& field, int64_t most, int64_t otherwise);
absl::StatusOr<bool> BooleanOr(const JsonObject& config, const std::string& field, bool otherwise);
absl::StatusOr<double> PositiveNumber(const JsonObject& config, const std::string& field);
absl::StatusOr<double> PositiveNumberOr(const JsonObject& config, const std::string& field, double otherwise);

// By transformers' name of it.
absl::StatusOr<Activation> ParseActivation(const JsonObject& config, const std::string& field,
                                           absl::string_view otherwise);

// What no family has: weights that are quantised.
absl::Status CheckIsNotQuantised(const JsonObject& config);

// A boolean of an architecture that is not supported where it is other than `supported`, which is also what a missing
// field means.
absl::Status CheckIs(const JsonObject& config, const std::string& field, bool supported);

// The attention window of each layer: `window` for those that layer_types calls "sliding_attention" and 0 for those
// that it calls "full_attention"; without layer_types for those that `slides` says. `window` is 0 where config.json has
// none; no layer may slide then.
absl::StatusOr<std::vector<int64_t>> ParseWindows(const JsonObject& config, int64_t layers, int64_t window,
                                                  const std::function<bool(int64_t)>& slides);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_CONFIG_READER_H_
