#include "sae/match/unit_rows.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

constexpr int64_t kRowsInPiece = 64;

__m256d AddProducts(__m256d sum, const float* a, const float* b) {
  return _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(a)), _mm256_cvtps_pd(_mm_loadu_ps(b)), sum);
}

double Dot(const float* a, const float* b, int64_t width) {
  constexpr int64_t kLanes = 4;
  constexpr int64_t kVectors = 4;
  __m256d sums[kVectors] = {};
  int64_t q = 0;
  for (; q + kVectors * kLanes <= width; q += kVectors * kLanes) {
    for (int64_t v = 0; v < kVectors; ++v) sums[v] = AddProducts(sums[v], a + q + v * kLanes, b + q + v * kLanes);
  }
  alignas(32) double lanes[kLanes];
  _mm256_store_pd(lanes, _mm256_add_pd(_mm256_add_pd(sums[0], sums[1]), _mm256_add_pd(sums[2], sums[3])));
  double rest = 0;
  for (; q < width; ++q) rest += static_cast<double>(a[q]) * static_cast<double>(b[q]);
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + rest;
}

}  // namespace

absl::StatusOr<UnitRows> UnitRows::Of(const float* values, int64_t rows, int64_t width, absl::string_view side) {
  std::vector<double> norms(static_cast<size_t>(rows));
  ForEachPiece(rows, kRowsInPiece, [&](int64_t begin, int64_t end, int /*thread*/) {
    for (int64_t i = begin; i < end; ++i) {
      const float* row = values + i * width;
      norms[static_cast<size_t>(i)] = std::sqrt(Dot(row, row, width));
    }
  });
  // The squares of finite float32 can't overflow a float64.
  const auto bad = std::find_if(norms.begin(), norms.end(), [](double norm) { return !std::isfinite(norm); });
  if (bad != norms.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("row ", bad - norms.begin(), " of the ", side, " side has a value that is not finite"));
  }
  return UnitRows(values, width, std::move(norms));
}

double Cosine(const UnitRows& a, int64_t i, const UnitRows& b, int64_t j) {
  const double norms = a.norm(i) * b.norm(j);
  return norms == 0 ? 0.0 : Dot(a.row(i), b.row(j), a.width()) / norms;
}

}  // namespace seedbed
