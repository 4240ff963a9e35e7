#include "sae/activations/mixer.h"

#include <cstring>
#include <utility>

#include "ATen/ops/empty.h"
#include "sae/activations/rows/row_values.h"

namespace seedbed {

Mixer::Mixer(ShuffleOrder order, int hosted, int64_t width, at::ScalarType dtype)
    : order_(std::move(order)),
      width_(width),
      type_(RowTypeOf(dtype).value()),
      row_bytes_(width * static_cast<int64_t>(c10::elementSize(dtype))) {
  for (int i = 0; i < hosted; ++i) {
    buffers_.push_back(at::empty({order_.slots(), width}, dtype));
    addresses_.push_back(static_cast<char*>(buffers_.back().data_ptr()));
  }
}

int64_t Mixer::Take(const std::vector<at::Tensor>& block, int64_t first, int64_t rows, const std::vector<float>& scales,
                    BatchBuilder& batch) {
  std::vector<const char*> sources;
  for (const at::Tensor& matrix : block) sources.push_back(static_cast<const char*>(matrix.const_data_ptr()));
  int64_t row = first;
  for (; row < rows && !batch.full(); ++row) {
    const ShuffleOrder::Placement placement = order_.Place();
    if (placement.emits_before) Emit(placement.slot, scales, batch);
    for (size_t i = 0; i < sources.size(); ++i) {
      std::memcpy(SlotAddress(i, placement.slot), sources[i] + row * row_bytes_, static_cast<size_t>(row_bytes_));
    }
  }
  return row - first;
}

void Mixer::Drain(const std::vector<float>& scales, BatchBuilder& batch) {
  while (!batch.full() && order_.rows_left_to_drain() > 0) Emit(order_.Drain(), scales, batch);
}

StateTensors Mixer::OrderState() {
  StateTensors state;
  order_.VisitState([&state](const char* name, auto* value) { state[name] = SharedState(value); });
  return state;
}

void Mixer::Emit(int64_t slot, const std::vector<float>& scales, BatchBuilder& batch) const {
  batch.Append(1, [&](size_t i, float* out) { ToFloats(type_, SlotAddress(i, slot), width_, scales[i], out); });
}

}  // namespace seedbed
