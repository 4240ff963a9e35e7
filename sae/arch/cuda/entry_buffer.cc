#include "sae/arch/cuda/entry_buffer.h"

#include "ATen/ops/arange.h"

namespace seedbed {

void EntryBuffer::ReserveRows(int64_t rows, int64_t row_places) {
  Reserve(rows, rows * row_places);
  latent_indices_.Reserve(entries_.places, device_);
  values_.Reserve(entries_.places, device_);
  if (rows > reserved_rows_) {
    row_starts_ = at::arange(rows + 1, at::TensorOptions(at::kInt).device(device_)).mul_(row_places);
    reserved_rows_ = rows;
  }
  entries_.starts = row_starts_.mutable_data_ptr<int32_t>();
  entries_.latents = latent_indices_.data();
  entries_.values = values_.data();
}

void EntryBuffer::ReserveBatch(int64_t rows, int64_t places) {
  Reserve(rows, places);
  starts_.Reserve(rows + 1, device_);
  entries_.starts = starts_.data();
}

void EntryBuffer::Reserve(int64_t rows, int64_t places) {
  entries_.rows = rows;
  entries_.places = places;
  counts_.Reserve(rows, device_);
  gradients_.Reserve(places, device_);
  entries_.counts = counts_.data();
  entries_.gradients = gradients_.data();
  ordered_starts_.Reserve(latents_ + 1, device_);
  for (DeviceArray<int32_t>* array :
       {&ordered_rows_, &keys_, &ordered_keys_, &places_, &ordered_places_, &place_rows_}) {
    array->Reserve(places, device_);
  }
  ordered_values_.Reserve(places, device_);
  ordered_gradients_.Reserve(places, device_);
  ordered_ = {ordered_starts_.data(), ordered_rows_.data(), ordered_values_.data(), ordered_gradients_.data()};
}

void EntryBuffer::Order(cudaStream_t stream) {
  const size_t bytes = SortingBytes(entries_.places, latents_);
  sorting_.Reserve(static_cast<int64_t>(bytes), device_);
  OrderByLatent(stream, entries_, latents_,
                {keys_.data(), ordered_keys_.data(), places_.data(), ordered_places_.data(), place_rows_.data(),
                 sorting_.data(), bytes},
                ordered_);
}

DeviceSparseGradient EntryBuffer::Weighted(const float* matrix) const {
  return {ordered_.starts, ordered_.rows, ordered_.values, matrix};
}

DeviceSparseGradient EntryBuffer::WeightedByGradients(const float* matrix) const {
  return {ordered_.starts, ordered_.rows, ordered_.gradients, matrix};
}

}  // namespace seedbed
