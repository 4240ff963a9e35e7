#include "sae/arch/initialization.h"

#include <cmath>

#include "ATen/ops/empty.h"
#include "ATen/ops/zeros.h"
#include "common/random.h"

namespace seedbed {
namespace {

constexpr uint64_t kEncoderPurpose = 0x656E636F64657221;  // "encoder!"

// Sums in float64 and in order, so that the norm does not depend on a library's way of adding.
void CopyWithUnitNorm(const float* row, int64_t d, float* out) {
  double squares = 0;
  for (int64_t q = 0; q < d; ++q) squares += static_cast<double>(row[q]) * row[q];
  const double norm = std::sqrt(squares);
  for (int64_t q = 0; q < d; ++q) out[q] = norm > 0 ? static_cast<float>(row[q] / norm) : 0.0f;
}

}  // namespace

Dictionary InitialTopkDictionary(const SaeConfig& config) {
  Dictionary dictionary;
  dictionary.architecture = config.architecture;
  dictionary.k = config.k;
  dictionary.encoder_weight = at::empty({config.latents, config.d_in});
  dictionary.encoder_bias = at::zeros({config.latents});
  dictionary.decoder_weight = at::empty({config.latents, config.d_in});
  dictionary.decoder_bias = at::zeros({config.d_in});

  SplitMix64 random(DeriveSeed(config.seed, kEncoderPurpose));
  const double bound = 1 / std::sqrt(static_cast<double>(config.d_in));
  float* encoder = dictionary.encoder_weight.mutable_data_ptr<float>();
  float* decoder = dictionary.decoder_weight.mutable_data_ptr<float>();
  for (int64_t i = 0; i < config.latents * config.d_in; ++i) {
    encoder[i] = static_cast<float>((2 * random.Uniform() - 1) * bound);
  }
  for (int64_t i = 0; i < config.latents; ++i) {
    CopyWithUnitNorm(encoder + i * config.d_in, config.d_in, decoder + i * config.d_in);
  }
  return dictionary;
}

}  // namespace seedbed
