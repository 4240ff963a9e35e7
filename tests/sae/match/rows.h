// Small matrices as tensors.
#ifndef SEEDBED_TESTS_SAE_MATCH_ROWS_H_
#define SEEDBED_TESTS_SAE_MATCH_ROWS_H_

#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/from_blob.h"
#include "common/random.h"

namespace seedbed {

template <typename T>
at::Tensor TensorOf(const std::vector<T>& values, int64_t rows, int64_t columns) {
  return at::from_blob(const_cast<T*>(values.data()), {rows, columns}, c10::CppTypeToScalarType<T>::value).clone();
}

inline at::Tensor RandomRows(int64_t rows, int64_t columns, uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<float> values;
  for (int64_t i = 0; i < rows * columns; ++i) {
    values.push_back(static_cast<float>(random.Uniform() + random.Uniform() + random.Uniform() - 1.5));
  }
  return TensorOf(values, rows, columns);
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_MATCH_ROWS_H_
