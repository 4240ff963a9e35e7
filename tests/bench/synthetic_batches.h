// Activations to train on where no language model is at hand.
#ifndef SEEDBED_TESTS_BENCH_SYNTHETIC_BATCHES_H_
#define SEEDBED_TESTS_BENCH_SYNTHETIC_BATCHES_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace seedbed {

// `count` batches, float32 [rows, d]: sparse mixtures of 64 directions, noise and a mean that is not 0, somewhat like a
// residual stream. From torch's generator.
std::vector<at::Tensor> SyntheticBatches(int count, int64_t rows, int64_t d);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_BENCH_SYNTHETIC_BATCHES_H_
