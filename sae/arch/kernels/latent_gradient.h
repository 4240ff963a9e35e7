// The gradient by a parameter that has a row for each latent, formed row by row where it is used.
#ifndef SEEDBED_SAE_ARCH_KERNELS_LATENT_GRADIENT_H_
#define SEEDBED_SAE_ARCH_KERNELS_LATENT_GRADIENT_H_

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {

// Row i is the sum over latent i's entries of their weight times their row of `matrix`.
struct SparseGradient {
  const LatentEntries* entries;
  const std::vector<float>* weights;  // Of `entries`: its values or its gradients.
  const float* matrix;                // [rows of the batch, width]
};

// Row i is row i of `dense`, where there is one, plus those of all of `sparse`. Nothing is owned.
struct LatentGradient {
  float* dense = nullptr;  // [n, width]; used up by what reads the gradient.
  // `dense` is what StoreGradient left (update.h): of unit rows nothing along them.
  bool is_stored = false;
  absl::InlinedVector<SparseGradient, 3> sparse;
};

// The batch rows that latent i is active in, each with its weight.
WeightedRows RowsOf(const LatentEntries& entries, const std::vector<float>& weights, int64_t i);

// Row i of the gradient: in `dense`, where there is one, or in `scratch` [width].
float* GradientRow(const LatentGradient& gradient, int64_t i, int64_t width, float* scratch);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_LATENT_GRADIENT_H_
