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

  // Appends `count` rows: `write(i, address)` fills those of hosted hookpoint i, [count, width]. count <= rows_left().
  template <typename Write>
  void Append(int64_t count, Write&& write) {
    for (size_t i = 0; i < addresses_.size(); ++i) write(i, addresses_[i] + filled_ * width_);
    filled_ += count;
  }

  // By hosted hookpoint. What they hold stays until Clear() and the next Append.
  const std::vector<at::Tensor>& matrices() const { return matrices_; }

 private:
  int64_t rows_;
  int64_t width_;
  std::vector<at::Tensor> matrices_;
  std::vector<float*> addresses_;
  int64_t filled_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_BATCH_BUILDER_H_
