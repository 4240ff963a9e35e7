// The batch that is being put together, row by row, in buffers that every batch uses again.
#ifndef SEEDBED_SAE_ACTIVATIONS_BATCH_BUILDER_H_
#define SEEDBED_SAE_ACTIVATIONS_BATCH_BUILDER_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace seedbed {

// Not thread-safe.
class BatchBuilder {
 public:
  // `hosted` matrices [rows, width], float32, 64-byte aligned (LibTorch's CPU allocator sees to it).
  BatchBuilder(int hosted, int64_t rows, int64_t width);

  bool full() const { return filled_ == rows_; }
  int64_t rows_left() const { return rows_ - filled_; }
  void Clear() { filled_ = 0; }

  // Appends one row: its values of hosted hookpoint i are copied from `row_of(i)`. !full().
  template <typename RowOf>
  void Append(RowOf&& row_of) {
    for (size_t i = 0; i < matrices_.size(); ++i) CopyRow(i, filled_, row_of(i));
    ++filled_;
  }

  // Appends `count` rows at once, each matrix by `copy(i, first row's address)`. count <= rows_left().
  template <typename Copy>
  void AppendMany(int64_t count, Copy&& copy) {
    for (size_t i = 0; i < matrices_.size(); ++i) copy(i, RowAddress(i, filled_));
    filled_ += count;
  }

  // By hosted hookpoint. What they hold stays until Clear() and the next Append.
  const std::vector<at::Tensor>& matrices() const { return matrices_; }

 private:
  float* RowAddress(size_t matrix, int64_t row) const { return addresses_[matrix] + row * width_; }
  void CopyRow(size_t matrix, int64_t row, const float* values) const;

  int64_t rows_;
  int64_t width_;
  std::vector<at::Tensor> matrices_;
  std::vector<float*> addresses_;
  int64_t filled_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_BATCH_BUILDER_H_
