#include "sae/match/quantised_rows.h"

#include <algorithm>
#include <cmath>

#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

constexpr int64_t kRowsInPiece = 64;
constexpr double kLevels = 127;
// Of float64 arithmetic on a row of any width, and of the conversion to float32: far more than either loses.
constexpr double kRoundedUp = 1 + 1e-6;
constexpr double kRotationRounding = 1e-9;
// The int8 product becomes a float32 and is multiplied by a product of scales: three roundings of at most 2^-24 each of
// something no larger than 1.1.
constexpr float kProductRounding = 4 * 0x1p-24f;

// A multiple of 64 bytes, so that rows begin on cache lines, and not one of 2048, at which rows would compete for the
// same few sets of the cache.
int64_t PaddedDepth(int64_t width) {
  const int64_t depth = (width + 63) / 64 * 64;
  return depth % 2048 == 0 ? depth + 64 : depth;
}

void LoadUnitRow(const UnitRows& rows, int64_t i, const Rotation* rotation, std::vector<double>* out) {
  const double norm = rows.norm(i);
  for (int64_t q = 0; q < rows.width(); ++q) {
    (*out)[static_cast<size_t>(q)] = norm == 0 ? 0.0 : static_cast<double>(rows.row(i)[q]) / norm;
  }
  if (rotation != nullptr) rotation->Apply(out->data());
}

struct Rounded {
  float scale = 0;
  float error = 0;
  double norm = 0;
  int32_t sum = 0;
};

Rounded RoundRow(const std::vector<double>& row, int8_t* out) {
  double largest = 0;
  for (const double value : row) largest = std::max(largest, std::abs(value));
  Rounded result;
  if (largest == 0) return result;
  result.scale = static_cast<float>(largest / kLevels);
  const double scale = result.scale;
  const double inverse = 1 / scale;
  double squares = 0;
  double error = 0;
  for (size_t q = 0; q < row.size(); ++q) {
    const double rounded = std::max(-kLevels, std::min(kLevels, std::nearbyint(row[q] * inverse)));
    const double left = row[q] - scale * rounded;
    out[q] = static_cast<int8_t>(rounded);
    result.sum += static_cast<int32_t>(rounded);
    squares += rounded * rounded;
    error += left * left;
  }
  result.norm = scale * std::sqrt(squares);
  result.error = static_cast<float>((std::sqrt(error) + kRotationRounding) * kRoundedUp);
  return result;
}

// Of at most 256 rows, evenly spaced.
double MeanError(const UnitRows& rows, const Rotation* rotation) {
  const int64_t step = std::max<int64_t>(1, rows.rows() / 256);
  std::vector<double> row(static_cast<size_t>(rows.width()));
  std::vector<int8_t> values(row.size());
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < rows.rows(); i += step, ++count) {
    LoadUnitRow(rows, i, rotation, &row);
    sum += RoundRow(row, values.data()).error;
  }
  return sum / static_cast<double>(count);
}

}  // namespace

QuantisedRows Quantise(const UnitRows& rows, const Rotation* rotation) {
  QuantisedRows result;
  result.depth = PaddedDepth(rows.width());
  const auto stored = static_cast<size_t>(rows.rows() + QuantisedRows::kRowsBeyond);
  result.values.resize(stored * static_cast<size_t>(result.depth));
  result.scales.resize(stored);
  result.errors.resize(stored);
  result.sums.resize(stored);
  std::vector<double> norms(stored);
  ForEachPiece(rows.rows(), kRowsInPiece, [&](int64_t begin, int64_t end, int /*thread*/) {
    std::vector<double> row(static_cast<size_t>(rows.width()));
    for (int64_t i = begin; i < end; ++i) {
      LoadUnitRow(rows, i, rotation, &row);
      const Rounded rounded = RoundRow(row, result.values.data() + i * result.depth);
      const auto at = static_cast<size_t>(i);
      result.scales[at] = rounded.scale;
      result.errors[at] = rounded.error;
      result.sums[at] = rounded.sum;
      norms[at] = rounded.norm;
    }
  });
  result.largest_norm = static_cast<float>(*std::max_element(norms.begin(), norms.end()) * kRoundedUp);
  return result;
}

bool RotationPays(const UnitRows& a, const UnitRows& b, const Rotation& rotation) {
  constexpr double kPays = 0.8;
  const double rotated = MeanError(a, &rotation) + MeanError(b, &rotation);
  return rotated < kPays * (MeanError(a, nullptr) + MeanError(b, nullptr));
}

ProductErrors ErrorsOfProducts(const QuantisedRows& a, const QuantisedRows& b) {
  ProductErrors errors{a.errors, b.errors};
  errors.of_row.resize(a.errors.size() - QuantisedRows::kRowsBeyond);
  errors.of_column.resize(b.errors.size() - QuantisedRows::kRowsBeyond);
  for (float& error : errors.of_row) error = error * static_cast<float>(kRoundedUp) + kProductRounding;
  for (float& error : errors.of_column) error *= a.largest_norm * static_cast<float>(kRoundedUp);
  return errors;
}

}  // namespace seedbed
