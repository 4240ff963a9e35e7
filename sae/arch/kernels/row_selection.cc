#include "sae/arch/kernels/row_selection.h"

#include <algorithm>
#include <cmath>

#include "absl/functional/function_ref.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/float_bits.h"
#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

// Where one row's selection goes.
struct RowPlaces {
  uint32_t* latents;
  float* values;
};

// Runs select(pre-activations of the row, scratch, places), which returns the number of entries.
void ForEachRow(const PreActivations& pre, std::vector<SelectionScratch>* threads, RowEntries* entries,
                absl::FunctionRef<int64_t(const float*, SelectionScratch*, const RowPlaces&)> select) {
  ForEachPiece(pre.rows, kRowsInPiece, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t r = begin; r < end; ++r) {
      const auto row = static_cast<size_t>(pre.first_row + r);
      const int64_t start = entries->starts[row];
      const RowPlaces places = {entries->latents.data() + start, entries->values.data() + start};
      const int64_t count = select(pre.values + r * pre.latents, &(*threads)[static_cast<size_t>(thread)], places);
      entries->counts[row] = static_cast<int32_t>(count);
    }
  });
}

// Moves entries above 0 before the others. Returns their number. Only a decoder row of norm 0 makes a difference: it
// ranks its latent among those that are 0.
int64_t CountPositive(int64_t k, const RowPlaces& places) {
  int64_t count = 0;
  for (int64_t j = 0; j < k; ++j) {
    if (!(places.values[j] > 0)) continue;
    std::swap(places.latents[j], places.latents[count]);
    std::swap(places.values[j], places.values[count++]);
  }
  return count;
}

int64_t SelectByNorm(const PreActivations& pre, const float* row, int64_t k, const float* norms,
                     SelectionScratch* scratch, const RowPlaces& places) {
  float* activations = scratch->activations.data();
  float* ranks = scratch->ranks.data();
  for (int64_t i = 0; i < pre.latents; ++i) {
    const float value = row[i] + pre.bias[i];
    activations[i] = value > 0 ? value : 0.0f;
    ranks[i] = activations[i] * norms[i];
  }
  SelectTopK(ranks, scratch->zeros.data(), pre.latents, k, &scratch->top_k, places.latents, places.values);
  for (int64_t j = 0; j < k; ++j) places.values[j] = activations[places.latents[j]];
  return CountPositive(k, places);
}

// Turns the order of finite numbers at or below 0 into one of numbers above 0, but the least of all, which becomes 0
// with all that are above 0.
float AboveZero(float rank) {
  constexpr uint32_t kLargestFinite = 0x7f7fffff;
  if (!(rank <= 0)) return 0;
  return FloatOf(kLargestFinite - BitsOf(std::abs(rank)));
}

// The ranks of all candidates are in scratch->ranks. Writes places in that list.
int64_t SelectRanked(const Candidates& candidates, int64_t k, SelectionScratch* scratch, const RowPlaces& places) {
  const auto count = static_cast<int64_t>(candidates.latents->size());
  float* ranks = scratch->ranks.data();
  const float* zeros = scratch->zeros.data();
  const int64_t positive = SelectTopK(ranks, zeros, count, k, &scratch->top_k, places.latents, places.values);
  if (!candidates.negative || positive == k) return positive;
  std::transform(ranks, ranks + count, ranks, &AboveZero);
  SelectTopK(ranks, zeros, count, k - positive, &scratch->top_k, places.latents + positive, places.values + positive);
  return k;
}

}  // namespace

SelectionScratch::SelectionScratch(int64_t latents, int64_t most_k)
    : top_k(latents, most_k),
      activations(static_cast<size_t>(latents)),
      ranks(static_cast<size_t>(latents)),
      zeros(static_cast<size_t>(latents)) {}

void SelectLargest(const PreActivations& pre, int64_t k, const float* norms, std::vector<SelectionScratch>* threads,
                   RowEntries* entries) {
  ForEachRow(pre, threads, entries, [&](const float* row, SelectionScratch* scratch, const RowPlaces& places) {
    if (norms != nullptr) return SelectByNorm(pre, row, k, norms, scratch, places);
    return SelectTopK(row, pre.bias, pre.latents, k, &scratch->top_k, places.latents, places.values);
  });
}

void SelectLargestAmong(const Candidates& candidates, const PreActivations& pre, int64_t k, const float* norms,
                        std::vector<SelectionScratch>* threads, RowEntries* entries) {
  const std::vector<uint32_t>& latents = *candidates.latents;
  ForEachRow(pre, threads, entries, [&](const float* row, SelectionScratch* scratch, const RowPlaces& places) {
    float* activations = scratch->activations.data();
    float* ranks = scratch->ranks.data();
    for (size_t j = 0; j < latents.size(); ++j) {
      activations[j] = row[candidates.own_columns ? j : latents[j]] + pre.bias[latents[j]];
      ranks[j] = norms == nullptr ? activations[j] : activations[j] * norms[latents[j]];
    }
    const int64_t count = SelectRanked(candidates, k, scratch, places);
    for (int64_t j = 0; j < k; ++j) {
      const uint32_t candidate = places.latents[j];
      places.latents[j] = latents[candidate];
      places.values[j] = activations[candidate];
    }
    return count;
  });
}

}  // namespace seedbed
