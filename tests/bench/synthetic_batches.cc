#include "tests/bench/synthetic_batches.h"

#include "ATen/TensorOperators.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randn.h"

namespace seedbed {

std::vector<at::Tensor> SyntheticBatches(int count, int64_t rows, int64_t d) {
  constexpr int64_t kDirections = 64;
  const at::Tensor directions = at::randn({kDirections, d}) / 8;
  const at::Tensor mean = 0.3 * at::randn({d});
  std::vector<at::Tensor> batches;
  for (int i = 0; i < count; ++i) {
    const at::Tensor weights = at::randn({rows, kDirections}) * (at::rand({rows, kDirections}) < 0.25) * 2;
    batches.push_back((at::mm(weights, directions) + 0.3 * at::randn({rows, d}) + mean).contiguous());
  }
  return batches;
}

}  // namespace seedbed
