#include "sae/arch/kernels/screening/quantised_block.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/screening/quantised_row.h"

namespace seedbed {
namespace {

// What float32 can lose, as a factor of |w|. With u = 2^-24, g = DotRoundings(width) and r directions of norm <= 1.001:
//   the recomputed dot product and its sum with the bias       (g + 2) u |x|
//   the components of w, for the components l of x              g u sqrt(r) |l|
//   the remainder, a sum of r + 1 terms                         (r + 1) u (|x| + sqrt(r) |l|)
//   the quantisation errors of the remainder and of w           4 u (|x| + sqrt(r) |l|)
//   the upper bound itself, a sum of r + 4 terms with 3 roundings before, of which the largest are at most
//   1.5 (|x| + sqrt(r) |l|) |w| and sqrt(r) |l| |w|             (r + 8) u (1.5 |x| + 2.5 sqrt(r) |l|)
// rounded up to what is below. The bias has its own margin.
float RoundingBound(int64_t width, int64_t directions, float norm, float component_norm) {
  const auto g = static_cast<float>(DotRoundings(width));
  const auto r = static_cast<float>(directions);
  return 1.2f * 0x1p-24f * ((g + 3 * r + 24) * norm + std::sqrt(r) * (g + 4 * r + 28) * component_norm);
}

}  // namespace

QuantisedBlock::QuantisedBlock(int64_t rows, int64_t width, int64_t directions, const Int8Kernel& kernel)
    : rows_(rows),
      width_(width),
      directions_(directions),
      kernel_(&kernel),
      direction_indices_(static_cast<size_t>(directions)),
      quantised_(static_cast<size_t>(rows * width)),
      remainder_(static_cast<size_t>(width)),
      scales_(static_cast<size_t>(rows)),
      starts_(static_cast<size_t>(rows)),
      terms_(static_cast<size_t>(rows * (directions + kEncoderTerms))),
      screenable_(static_cast<size_t>(rows)) {
  std::iota(direction_indices_.begin(), direction_indices_.end(), 0u);
}

void QuantisedBlock::Quantise(const float* rows, int64_t count, const float* directions) {
  std::fill(quantised_.begin(), quantised_.end(), static_cast<int8_t>(0));
  std::fill(scales_.begin(), scales_.end(), 0.0f);
  std::fill(starts_.begin(), starts_.end(), 0);
  std::fill(terms_.begin(), terms_.end(), 0.0f);
  std::fill(screenable_.begin(), screenable_.end(), static_cast<uint8_t>(0));
  for (int64_t row = 0; row < count; ++row) {
    if (!IsScreenable(LargestMagnitude(rows + row * width_, width_))) continue;
    QuantiseOne(row, rows + row * width_, directions);
    screenable_[static_cast<size_t>(row)] = 1;
  }
}

void QuantisedBlock::QuantiseOne(int64_t row, const float* values, const float* directions) {
  float* components = terms_.data() + row * (directions_ + kEncoderTerms);
  DotRows(values, direction_indices_.data(), directions_, directions, width_, components);
  float squares = 0;
  for (int64_t i = 0; i < directions_; ++i) squares += components[i] * components[i];

  for (int64_t i = 0; i < directions_; ++i) components[i] = -components[i];
  std::copy(values, values + width_, remainder_.data());
  AddRows({direction_indices_.data(), components, directions_}, directions, width_, remainder_.data());
  for (int64_t i = 0; i < directions_; ++i) components[i] = -components[i];

  constexpr int32_t kLevels = 127;
  const QuantisedRow quantised = QuantiseRow(width_, kLevels, remainder_.data(), quantised_.data() + row * width_);
  const float rounding = RoundingBound(width_, directions_, NormAtLeast(values, width_), 1.001f * std::sqrt(squares));
  float* terms = components + directions_;
  terms[kErrorTerm] = quantised.norm;
  terms[kNormTerm] = quantised.error_norm + rounding;
  terms[kBiasTerm] = 1;
  scales_[static_cast<size_t>(row)] = quantised.scale;
  starts_[static_cast<size_t>(row)] = -kernel_->weight_offset() * quantised.sum;
}

void QuantisedBlock::UpperBounds(const PackedEncoder& encoder, int64_t panel, float* out, int64_t out_stride) const {
  ScreeningTile tile;
  tile.panel = encoder.weights(panel);
  tile.panel_scales = encoder.scales(panel);
  tile.panel_terms = encoder.panel_terms(panel);
  tile.depth = width_;
  tile.terms = encoder.terms();
  tile.out_stride = out_stride;
  for (int64_t row = 0; row < rows_; row += kernel_->rows) {
    tile.rows = quantised_.data() + row * width_;
    tile.row_scales = scales_.data() + row;
    tile.row_starts = starts_.data() + row;
    tile.row_terms = terms_.data() + row * encoder.terms();
    tile.out = out + row * out_stride;
    kernel_->upper_bounds(tile);
  }
}

float QuantisedBlock::Slack(const PackedEncoder& encoder, int64_t row, int64_t latent, float upper) const {
  const float* terms = terms_.data() + row * (directions_ + kEncoderTerms) + directions_;
  const float error = terms[kErrorTerm] * encoder.term(kErrorTerm, latent) +
                      terms[kNormTerm] * encoder.term(kNormTerm, latent) + encoder.bias_margin(latent);
  constexpr float kRoundedUp = 1 + 1e-5f;
  constexpr float kRoundingOfUpper = 1e-6f;
  return 2 * kRoundedUp * error + kRoundingOfUpper * upper;
}

}  // namespace seedbed
