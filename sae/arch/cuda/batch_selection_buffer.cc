#include "sae/arch/cuda/batch_selection_buffer.h"

#include "ATen/ops/zeros.h"

namespace seedbed {

BatchSelectionBuffer::BatchSelectionBuffer(at::Device device)
    : device_(device),
      state_(at::zeros({static_cast<int64_t>(sizeof(BatchSelectionState))},
                       at::TensorOptions(at::kByte).device(device))) {}

DeviceBatchSelection BatchSelectionBuffer::Make(int64_t count, int64_t rows_in_tile) {
  const int64_t capacity = DeviceBatchSelection::Capacity(count);
  DeviceBatchSelection::Memory memory;
  memory.state = static_cast<BatchSelectionState*>(state_.mutable_data_ptr());
  for (int i = 0; i < 2; ++i) {
    CandidateArrays& arrays = candidates_[i];
    arrays.keys.Reserve(capacity, device_);
    arrays.rows.Reserve(capacity, device_);
    arrays.latents.Reserve(capacity, device_);
    arrays.values.Reserve(capacity, device_);
    memory.candidates[i] = {arrays.keys.data(), arrays.rows.data(), arrays.latents.data(), arrays.values.data()};
  }
  row_counts_.Reserve(rows_in_tile + 1, device_);
  places_.Reserve(capacity, device_);
  memory.row_counts = row_counts_.data();
  memory.places = places_.data();
  memory.scratch_bytes = DeviceBatchSelection::ScratchBytes(count);
  scratch_.Reserve(static_cast<int64_t>(memory.scratch_bytes), device_);
  memory.scratch = scratch_.data();
  return {memory, count};
}

}  // namespace seedbed
