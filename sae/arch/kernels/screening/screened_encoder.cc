#include "sae/arch/kernels/screening/screened_encoder.h"

#include <algorithm>

#include "sae/arch/kernels/screening/leading_directions.h"

namespace seedbed {
namespace {

constexpr int64_t kMostSampleRows = 1024;

}  // namespace

ScreenedEncoder::ScreenedEncoder(int64_t latents, int64_t width, const Int8Kernel& kernel)
    : latents_(latents),
      width_(width),
      kernel_(kernel),
      directions_(static_cast<size_t>(kDirections * width), 0.0f),
      packed_(latents, width, kDirections, kernel) {}

void ScreenedEncoder::FindDirections(const float* sample, int64_t count) {
  LeadingDirections(sample, std::min(count, kMostSampleRows), width_, kDirections, directions_.data());
}

void ScreenedEncoder::Prepare(const float* encoder, const float* bias, const float* norms) {
  weights_ = {encoder, bias, norms, latents_, width_};
  packed_.Pack(encoder, bias, directions_.data());
}

void ScreenedEncoder::RankUpperBounds(int64_t first, int64_t count, float* uppers) const {
  if (weights_.norms == nullptr) return;
  const int64_t real = std::min(count, latents_ - first);
  for (int64_t i = 0; i < real; ++i) uppers[i] *= weights_.norms[first + i];
}

}  // namespace seedbed
