// Mixes the rows of epoch 0: a shuffle buffer for each hookpoint that is hosted here, all in one order.
#ifndef SEEDBED_SAE_ACTIVATIONS_MIXER_H_
#define SEEDBED_SAE_ACTIVATIONS_MIXER_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "sae/activations/batch_builder.h"
#include "sae/activations/shuffle_order.h"

namespace seedbed {

// Not thread-safe.
class Mixer {
 public:
  // Makes `hosted` buffers of order.slots() rows of `width` floats.
  Mixer(ShuffleOrder order, int hosted, int64_t width);

  // Rows that have not been taken by Take yet.
  int64_t rows_left_to_take() const { return order_.rows_left_to_place(); }
  // All rows were taken and given out.
  bool empty() const { return order_.rows_left_to_place() == 0 && order_.rows_left_to_drain() == 0; }

  // Takes rows [first, rows) of `block` (by hosted hookpoint: float32 [rows, width], contiguous, on the CPU) until the
  // batch is full, and gives back how many it took.
  int64_t Take(const std::vector<at::Tensor>& block, int64_t first, int64_t rows, BatchBuilder& batch);

  // Once all rows were taken: gives rows out until the batch is full or there are none.
  void Drain(BatchBuilder& batch);

 private:
  float* SlotAddress(size_t hosted, int64_t slot) const { return addresses_[hosted] + slot * width_; }

  ShuffleOrder order_;
  int64_t width_;
  std::vector<at::Tensor> buffers_;  // By hosted hookpoint: [slots, width].
  std::vector<float*> addresses_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_MIXER_H_
