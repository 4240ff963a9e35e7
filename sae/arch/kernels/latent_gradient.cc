#include "sae/arch/kernels/latent_gradient.h"

namespace seedbed {

WeightedRows RowsOf(const LatentEntries& entries, const std::vector<float>& weights, int64_t i) {
  const uint32_t begin = entries.starts[static_cast<size_t>(i)];
  const uint32_t end = entries.starts[static_cast<size_t>(i) + 1];
  return {entries.rows.data() + begin, weights.data() + begin, end - begin};
}

float* GradientRow(const LatentGradient& gradient, int64_t i, int64_t width, float* scratch) {
  bool begun = gradient.dense != nullptr;
  float* row = begun ? gradient.dense + i * width : scratch;
  for (const SparseGradient& part : gradient.sparse) {
    const WeightedRows rows = RowsOf(*part.entries, *part.weights, i);
    if (begun) {
      AddRows(rows, part.matrix, width, row);
    } else {
      SumRows(rows, part.matrix, width, row);
    }
    begun = true;
  }
  return row;
}

}  // namespace seedbed
