#include "sae/arch/kernels/screening/packed_encoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/screening/quantised_row.h"

namespace seedbed {
namespace {

// Of |bias|: the roundings of the sums that the bias is part of, fewer than 150 for 128 directions.
constexpr float kBiasMargin = 1e-5f;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

struct PackedEncoder::Scratch {
  Scratch(int64_t width, int64_t directions)
      : row(static_cast<size_t>(width)),
        quantised(static_cast<size_t>(width)),
        components(static_cast<size_t>(directions)),
        direction_indices(static_cast<size_t>(directions)) {
    std::iota(direction_indices.begin(), direction_indices.end(), 0u);
  }
  AlignedVector<float> row;
  std::vector<int8_t> quantised;
  std::vector<float> components;
  std::vector<uint32_t> direction_indices;
};

PackedEncoder::PackedEncoder(int64_t latents, int64_t width, int64_t directions, const Int8Kernel& kernel)
    : latents_(latents),
      width_(width),
      directions_(directions),
      kernel_(&kernel),
      panels_(PieceCount(latents, kernel.latents)),
      weights_(static_cast<size_t>(panels_ * kernel.latents * width)),
      scales_(static_cast<size_t>(panels_ * kernel.latents)),
      terms_(static_cast<size_t>(panels_ * kernel.latents * terms())),
      bias_margins_(static_cast<size_t>(panels_ * kernel.latents)) {}

void PackedEncoder::Pack(const float* encoder, const float* bias, const float* directions) {
  ForEachPiece(panels_, 1, [&](int64_t panel, int64_t /*end*/, int /*thread*/) {
    Scratch scratch(width_, directions_);
    const int64_t begin = panel * kernel_->latents;
    for (int64_t latent = begin; latent < begin + kernel_->latents; ++latent) {
      if (latent < latents_) {
        PackLatent(latent, encoder + latent * width_, bias[latent], directions, &scratch);
      } else {
        SetTerms(latent, nullptr, 0, 0, -kInfinity);
      }
    }
  });
}

void PackedEncoder::PackLatent(int64_t latent, const float* row, float bias, const float* directions,
                               Scratch* scratch) {
  const float largest = LargestMagnitude(row, width_);
  if (!IsScreenable(largest) || !std::isfinite(bias)) {
    std::fill(scratch->quantised.begin(), scratch->quantised.end(), static_cast<int8_t>(0));
    Interleave(latent, scratch->quantised.data());
    scales_[static_cast<size_t>(latent)] = 0;
    bias_margins_[static_cast<size_t>(latent)] = 0;
    SetTerms(latent, nullptr, 0, 0, kInfinity);
    return;
  }
  DotRows(row, scratch->direction_indices.data(), directions_, directions, width_, scratch->components.data());
  const float norm = NormAtLeast(row, width_);
  std::copy(row, row + width_, scratch->row.data());
  const QuantisedRow quantised =
      QuantiseRow(width_, kernel_->weight_levels, scratch->row.data(), scratch->quantised.data());
  Interleave(latent, scratch->quantised.data());
  const float margin = kBiasMargin * std::abs(bias);
  scales_[static_cast<size_t>(latent)] = quantised.scale;
  bias_margins_[static_cast<size_t>(latent)] = margin;
  SetTerms(latent, scratch->components.data(), quantised.error_norm, norm, bias + margin);
}

void PackedEncoder::SetTerms(int64_t latent, const float* components, float error_norm, float norm, float bias) {
  float* terms = terms_.data() + latent / kernel_->latents * kernel_->latents * this->terms();
  float* place = terms + latent % kernel_->latents;
  for (int64_t i = 0; i < directions_; ++i) place[i * kernel_->latents] = components != nullptr ? components[i] : 0;
  place += directions_ * kernel_->latents;
  place[kErrorTerm * kernel_->latents] = error_norm;
  place[kNormTerm * kernel_->latents] = norm;
  place[kBiasTerm * kernel_->latents] = bias;
}

void PackedEncoder::Interleave(int64_t latent, const int8_t* quantised) {
  uint8_t* panel = weights_.data() + latent / kernel_->latents * kernel_->latents * width_;
  uint8_t* place = panel + latent % kernel_->latents * 4;
  // Four bytes at once: no byte's sum with the offset leaves it.
  const uint32_t offsets = static_cast<uint32_t>(kernel_->weight_offset()) * 0x01010101u;
  for (int64_t q = 0; q < width_; q += 4, place += 4 * kernel_->latents) {
    uint32_t four;
    std::memcpy(&four, quantised + q, sizeof four);
    // With bit 7 apart, so that nothing carries from byte to byte: (a + b) mod 256 in each.
    const uint32_t sum = ((four & 0x7F7F7F7Fu) + (offsets & 0x7F7F7F7Fu)) ^ ((four ^ offsets) & 0x80808080u);
    std::memcpy(place, &sum, sizeof sum);
  }
}

}  // namespace seedbed
