// Mixes the rows of epoch 0: a shuffle buffer for each hookpoint that is hosted here, all in one order.
#ifndef SEEDBED_SAE_ACTIVATIONS_MIXER_H_
#define SEEDBED_SAE_ACTIVATIONS_MIXER_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "sae/activations/batch_builder.h"
#include "sae/activations/shuffle_order.h"
#include "sae/checkpoint/state_tensors.h"
#include "sae/io/safetensors.h"

namespace seedbed {

// Holds rows in the stream's type and gives them out as float32. Not thread-safe.
class Mixer {
 public:
  // Makes `hosted` buffers of order.slots() rows of `width` values of type `dtype`.
  Mixer(ShuffleOrder order, int hosted, int64_t width, at::ScalarType dtype);

  int64_t rows_taken() const { return order_.placed(); }
  // Rows that have not been taken by Take yet.
  int64_t rows_left_to_take() const { return order_.rows_left_to_place(); }
  // All rows were taken and given out.
  bool empty() const { return order_.rows_left_to_place() == 0 && order_.rows_left_to_drain() == 0; }

  // Takes rows [first, rows) of `block` (by hosted hookpoint: [rows, width] of `dtype`, contiguous, on the CPU) until
  // the batch is full, and gives back how many it took. Rows that come out are multiplied by `scales` (by hosted
  // hookpoint), which are not looked at before one does: when order.slots() rows were taken.
  int64_t Take(const std::vector<at::Tensor>& block, int64_t first, int64_t rows, const std::vector<float>& scales,
               BatchBuilder& batch);

  // Once all rows were taken: gives rows out until the batch is full or there are none.
  void Drain(const std::vector<float>& scales, BatchBuilder& batch);

  // What comes out next, the same for every hookpoint.
  StateTensors OrderState();
  // The rows that the buffer of a hosted hookpoint holds: [slots, width].
  const at::Tensor& slots(size_t hosted) const { return buffers_[hosted]; }

 private:
  char* SlotAddress(size_t hosted, int64_t slot) const { return addresses_[hosted] + slot * row_bytes_; }
  void Emit(int64_t slot, const std::vector<float>& scales, BatchBuilder& batch) const;

  ShuffleOrder order_;
  int64_t width_;
  TensorType type_;
  int64_t row_bytes_;
  std::vector<at::Tensor> buffers_;  // By hosted hookpoint: [slots, width].
  std::vector<char*> addresses_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_MIXER_H_
