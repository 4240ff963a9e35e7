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

void ScreenedEncoder::Prepare(const float* encoder, const float* bias) {
  weights_ = {encoder, bias, latents_, width_};
  packed_.Pack(encoder, bias, directions_.data());
}

}  // namespace seedbed
