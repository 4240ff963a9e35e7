// Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv:2407.10671): Llama with biases of queries, keys and values.
#ifndef SEEDBED_SAE_LM_FAMILIES_QWEN2_H_
#define SEEDBED_SAE_LM_FAMILIES_QWEN2_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/lm/families/family.h"

namespace seedbed {

extern const Family kQwen2;

// The attention windows of Qwen2 and its successors: where use_sliding_window says so, from layer max_window_layers on.
absl::StatusOr<std::vector<int64_t>> ParseQwenWindows(const JsonObject& config, int64_t layers);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_FAMILIES_QWEN2_H_
