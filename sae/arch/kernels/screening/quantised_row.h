// Rows of float32 as int8 with one scale a row, and how much that leaves out.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_QUANTISED_ROW_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_QUANTISED_ROW_H_

#include <cstdint>

namespace seedbed {

// Norms are rounded up: never less than the exact ones, but for what the elements below kNegligible of a row add.
struct QuantisedRow {
  float scale = 0;       // row = scale * quantised + error
  float norm = 0;        // |scale * quantised|
  float error_norm = 0;  // |error|
  int32_t sum = 0;       // Of the quantised elements.
};

// Rows whose largest magnitude is in this range, or 0, have norms that neither overflow nor lose more than kNegligible
// times the square root of their width to underflow.
inline constexpr float kSmallestMagnitude = 1e-12f;
inline constexpr float kLargestMagnitude = 1e12f;
inline constexpr float kNegligible = 1e-19f;

// max |row[q]|; infinity if one of them is not finite.
float LargestMagnitude(const float* row, int64_t width);

inline bool IsScreenable(float largest_magnitude) {
  return largest_magnitude == 0 || (largest_magnitude >= kSmallestMagnitude && largest_magnitude <= kLargestMagnitude);
}

// |row| rounded up, in the sense above.
float NormAtLeast(const float* row, int64_t width);

// Rounds row / scale to integers in [-levels, levels], where the largest magnitude becomes `levels`, 1 <= levels <=
// 127. The row must be finite with magnitudes <= kLargestMagnitude; it is consumed: the error takes its place.
QuantisedRow QuantiseRow(int64_t width, int32_t levels, float* row, int8_t* quantised);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_QUANTISED_ROW_H_
