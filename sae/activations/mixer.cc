#include "sae/activations/mixer.h"

#include <cstring>
#include <utility>

#include "ATen/ops/empty.h"

namespace seedbed {

Mixer::Mixer(ShuffleOrder order, int hosted, int64_t width) : order_(std::move(order)), width_(width) {
  for (int i = 0; i < hosted; ++i) {
    buffers_.push_back(at::empty({order_.slots(), width}, at::kFloat));
    addresses_.push_back(buffers_.back().data_ptr<float>());
  }
}

int64_t Mixer::Take(const std::vector<at::Tensor>& block, int64_t first, int64_t rows, BatchBuilder& batch) {
  std::vector<const float*> sources;
  for (const at::Tensor& matrix : block) sources.push_back(matrix.const_data_ptr<float>());
  int64_t row = first;
  for (; row < rows && !batch.full(); ++row) {
    const ShuffleOrder::Placement placement = order_.Place();
    if (placement.emits_before) batch.Append([&](size_t i) { return SlotAddress(i, placement.slot); });
    for (size_t i = 0; i < sources.size(); ++i) {
      std::memcpy(SlotAddress(i, placement.slot), sources[i] + row * width_,
                  static_cast<size_t>(width_) * sizeof(float));
    }
  }
  return row - first;
}

void Mixer::Drain(BatchBuilder& batch) {
  while (!batch.full() && order_.rows_left_to_drain() > 0) {
    const int64_t slot = order_.Drain();
    batch.Append([&](size_t i) { return SlotAddress(i, slot); });
  }
}

}  // namespace seedbed
