// How often each latent of a dictionary fires on held-out tokens, as its evaluation left it.
#ifndef SEEDBED_WORKER_AGREE_FIRING_FREQUENCY_H_
#define SEEDBED_WORKER_AGREE_FIRING_FREQUENCY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace seedbed {

inline constexpr char kFiringFrequencyName[] = "firing_frequency.npy";

// A NumPy file (version 1.0) of float64 [latents], each from 0 to 1. INVALID_ARGUMENT, naming the file, what was found
// and what is allowed, for anything else.
absl::StatusOr<std::vector<double>> ReadFiringFrequency(const std::string& path, int64_t latents);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_FIRING_FREQUENCY_H_
