// Small configs of the topk family and what they are varied by, for its kernels on every device.
#ifndef SEEDBED_TESTS_SAE_ARCH_TOPK_FAMILY_CONFIGS_H_
#define SEEDBED_TESTS_SAE_ARCH_TOPK_FAMILY_CONFIGS_H_

#include <string>

#include "sae/arch/sae_config.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {

// With a seed by which no two activations at the edge of a selection are equal up to rounding, and no gradient of a
// latent that fires once is 0 up to rounding: either would part two runs that round differently.
inline SaeConfig FamilyConfig(const std::string& architecture, Convention convention) {
  SaeConfig config = SmallConfig(architecture, convention);
  config.seed = 3;
  config.learning_rate = {3e-3, 10, 60, LearningRateSchedule::Decay::kLinear};
  return config;
}

inline void MakeTranscoder(SaeConfig* config) {
  config->transcoder = true;
  config->d_out = 33;
}

inline void AddAuxiliary(SaeConfig* config) {
  config->latents = 150;
  config->group_sizes = {30, 45, 75};
  config->k = 3;
  config->auxiliary_alpha = 0.1;
  config->dead_after_tokens = 130;
}

inline void UseSignum(SaeConfig* config) {
  config->optimizer.kind = OptimizerKind::kSignum;
  config->learning_rate.peak = 3e-4;
}

// What is added to a plain config.
struct Variation {
  std::string name;
  void (*apply)(SaeConfig* config);
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_ARCH_TOPK_FAMILY_CONFIGS_H_
