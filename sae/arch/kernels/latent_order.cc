#include "sae/arch/kernels/latent_order.h"

#include <algorithm>

namespace seedbed {
namespace {

// Grows only, so that memory is touched once.
template <typename T>
void GrowTo(int64_t count, std::vector<T>* values) {
  if (static_cast<int64_t>(values->size()) < count) values->resize(static_cast<size_t>(count));
}

}  // namespace

void RowEntries::Resize(int64_t new_rows, int64_t places) {
  rows = new_rows;
  GrowTo(rows, &counts);
  GrowTo(rows + 1, &starts);
  for (int64_t row = 0; row <= rows; ++row) starts[static_cast<size_t>(row)] = row * places;
  Reserve(rows * places);
}

void RowEntries::Reserve(int64_t places) {
  GrowTo(places, &latents);
  GrowTo(places, &values);
  GrowTo(places, &gradients);
}

void OrderByLatent(const RowEntries& entries, int64_t n, LatentEntries* ordered) {
  // starts[i + 1] counts latent i, then becomes where latent i is to go on, and so ends as where latent i + 1 starts.
  ordered->starts.assign(static_cast<size_t>(n) + 2, 0);
  uint32_t* next = ordered->starts.data() + 1;
  for (int64_t row = 0; row < entries.rows; ++row) {
    const uint32_t* latents = entries.latents.data() + entries.starts[row];
    for (int32_t j = 0; j < entries.counts[row]; ++j) ++next[latents[j] + 1];
  }
  for (int64_t i = 0; i < n; ++i) next[i + 1] += next[i];
  // As much room as the rows have, so that a batch with more active latents takes no more memory.
  const auto places = static_cast<int64_t>(entries.latents.size());
  GrowTo(places, &ordered->rows);
  GrowTo(places, &ordered->values);
  GrowTo(places, &ordered->gradients);
  for (int64_t row = 0; row < entries.rows; ++row) {
    const int64_t first = entries.starts[row];
    for (int64_t e = first; e < first + entries.counts[row]; ++e) {
      const uint32_t place = next[entries.latents[e]]++;
      ordered->rows[place] = static_cast<uint32_t>(row);
      ordered->values[place] = entries.values[e];
      ordered->gradients[place] = entries.gradients[e];
    }
  }
}

}  // namespace seedbed
