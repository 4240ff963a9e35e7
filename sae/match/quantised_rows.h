// Unit rows as int8 with one scale each, and a rigorous bound on what their products leave out.
#ifndef SEEDBED_SAE_MATCH_QUANTISED_ROWS_H_
#define SEEDBED_SAE_MATCH_QUANTISED_ROWS_H_

#include <cstdint>
#include <vector>

#include "sae/arch/kernels/screening/aligned_vector.h"
#include "sae/match/rotation.h"
#include "sae/match/unit_rows.h"

namespace seedbed {

// unit row i = scales[i] values[i] + error, |error| <= errors[i]. Quantities that bound are rounded up.
struct QuantisedRows {
  int64_t depth = 0;             // Of a row: the width, padded with 0.
  AlignedVector<int8_t> values;  // [rows + kRowsBeyond, depth], in [-127, 127].
  // [rows + kRowsBeyond]
  std::vector<float> scales;
  std::vector<float> errors;
  std::vector<int32_t> sums;  // Of values[i].
  float largest_norm = 0;     // max |scales[i] values[i]|

  // Rows of 0 at the end, which a kernel that takes several rows may read.
  static constexpr int64_t kRowsBeyond = 8;
};

// Rows are rotated first where there is a rotation; both sides of a product must be or neither.
QuantisedRows Quantise(const UnitRows& rows, const Rotation* rotation);

// Whether rotating both sides lowers the mean error of a sample of their rows to 0.8 of what it is without: it does
// where some coordinates are far larger than the others, and would cost precision to all of them.
bool RotationPays(const UnitRows& a, const UnitRows& b, const Rotation& rotation);

// |cosine(i, j) - approximation(i, j)| <= of_row[i] + of_column[j], where the approximation is the int8 product times
// both scales in float32:
//   |a.b - qa.qb| = |(a - qa).b + qa.(b - qb)| <= |a - qa| + |qa| |b - qb|
struct ProductErrors {
  std::vector<float> of_row;
  std::vector<float> of_column;
};
ProductErrors ErrorsOfProducts(const QuantisedRows& a, const QuantisedRows& b);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_QUANTISED_ROWS_H_
