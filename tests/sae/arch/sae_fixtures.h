// Batches, configs and comparisons for tests of the architectures.
#ifndef SEEDBED_TESTS_SAE_ARCH_SAE_FIXTURES_H_
#define SEEDBED_TESTS_SAE_ARCH_SAE_FIXTURES_H_

#include <cstdint>
#include <string>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randn.h"
#include "gtest/gtest.h"
#include "sae/arch/trainable_sae.h"

namespace seedbed {

inline SaeConfig SmallConfig() {
  SaeConfig config;
  config.d_in = 20;  // Not a multiple of any vector's length.
  config.latents = 50;
  config.k = 5;
  config.seed = 7;
  config.learning_rate = {0.01, 5, 100, LearningRateSchedule::Decay::kLinear};
  return config;
}

// Sparse mixtures of some directions, noise and a mean that is not 0. The same for the same `seed`.
inline at::Tensor MakeBatch(int64_t rows, int64_t d, uint64_t seed) {
  auto fixed = at::detail::createCPUGenerator(1);
  auto random = at::detail::createCPUGenerator(seed + 100);
  const at::Tensor directions = at::randn({2 * d, d}, fixed);
  const at::Tensor mean = at::randn({d}, fixed);
  const at::Tensor weights = at::randn({rows, 2 * d}, random) * (at::rand({rows, 2 * d}, random) < 0.2);
  return (at::mm(weights, directions) + 0.3 * at::randn({rows, d}, random) + mean).contiguous();
}

// |a - b| / |b|.
inline double RelativeDifference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

inline void ExpectClose(const Dictionary& a, const Dictionary& b, double tolerance, const std::string& what) {
  EXPECT_LE(RelativeDifference(a.encoder_weight, b.encoder_weight), tolerance) << what << ": encoder.weight";
  EXPECT_LE(RelativeDifference(a.encoder_bias, b.encoder_bias), tolerance) << what << ": encoder.bias";
  EXPECT_LE(RelativeDifference(a.decoder_weight, b.decoder_weight), tolerance) << what << ": W_dec";
  EXPECT_LE(RelativeDifference(a.decoder_bias, b.decoder_bias), tolerance) << what << ": b_dec";
}

inline bool SameBytes(const Dictionary& a, const Dictionary& b) {
  return at::equal(a.encoder_weight, b.encoder_weight) && at::equal(a.encoder_bias, b.encoder_bias) &&
         at::equal(a.decoder_weight, b.decoder_weight) && at::equal(a.decoder_bias, b.decoder_bias);
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_ARCH_SAE_FIXTURES_H_
