// The directions that hold most of what a sample of rows holds.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_LEADING_DIRECTIONS_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_LEADING_DIRECTIONS_H_

#include <cstdint>

namespace seedbed {

// `count` orthonormal directions that span nearly what the leading eigenvectors of sum row^T row span: three steps of
// subspace iteration from fixed random directions. `directions`: [count, width], aligned as the rows are; a direction
// that the rows don't have, or that isn't finite, is 0. Padding stays 0.
void LeadingDirections(const float* rows, int64_t row_count, int64_t width, int64_t count, float* directions);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_LEADING_DIRECTIONS_H_
