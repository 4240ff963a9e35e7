// Batches, configs and comparisons for tests of the architectures.
#ifndef SEEDBED_TESTS_SAE_ARCH_SAE_FIXTURES_H_
#define SEEDBED_TESTS_SAE_ARCH_SAE_FIXTURES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randn.h"
#include "gtest/gtest.h"
#include "sae/arch/registry.h"

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

// SmallConfig with what `architecture` needs beyond it.
inline SaeConfig SmallConfig(const std::string& architecture, Convention convention) {
  SaeConfig config = SmallConfig();
  config.architecture = architecture;
  config.convention = convention;
  config.group_sizes = {10, 15, 25};
  config.sparsity_coefficient = 0.1;
  config.loss_target_l0 = 5;
  config.bandwidth = 0.5;
  config.initial_threshold = 0.2;
  config.threshold_decay = 0.99;
  return config;
}

inline std::unique_ptr<TrainableSae> MakeSae(const SaeConfig& config, const SaeTensors& initial,
                                             Implementation implementation) {
  return MakeSaeFrom(config, initial, Start::kFromData, at::kCPU, implementation);
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

// Of every tensor that either has.
inline void ExpectClose(const SaeTensors& a, const SaeTensors& b, double tolerance, const std::string& what) {
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& left = a.*field.member;
    const at::Tensor& right = b.*field.member;
    ASSERT_EQ(left.defined(), right.defined()) << what << ": " << field.name;
    if (!left.defined() || at::equal(left, right)) continue;
    EXPECT_LE(RelativeDifference(left, right), tolerance) << what << ": " << field.name;
  }
}

inline bool SameBytes(const SaeTensors& a, const SaeTensors& b) {
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& left = a.*field.member;
    const at::Tensor& right = b.*field.member;
    if (left.defined() != right.defined()) return false;
    if (left.defined() && !at::equal(left, right)) return false;
  }
  return true;
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_ARCH_SAE_FIXTURES_H_
