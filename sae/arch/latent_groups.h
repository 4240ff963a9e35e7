// Which latents an architecture reconstructs with one after the other.
#ifndef SEEDBED_SAE_ARCH_LATENT_GROUPS_H_
#define SEEDBED_SAE_ARCH_LATENT_GROUPS_H_

#include <cstdint>
#include <vector>

#include "sae/arch/sae_config.h"

namespace seedbed {

// The end of each group of latents: of matryoshka's, else of all latents as one.
inline std::vector<int64_t> GroupEnds(const SaeConfig& config) {
  if (config.architecture != "matryoshka") return {config.latents};
  std::vector<int64_t> ends;
  int64_t end = 0;
  for (const int64_t size : config.group_sizes) ends.push_back(end += size);
  return ends;
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_LATENT_GROUPS_H_
