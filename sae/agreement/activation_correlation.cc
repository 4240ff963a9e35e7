#include "sae/agreement/activation_correlation.h"

#include <cmath>

namespace seedbed {

ActivationCorrelation::ActivationCorrelation(absl::Span<const int32_t> counterpart, int64_t latents_b)
    : counterpart_(counterpart.begin(), counterpart.end()),
      a_(counterpart.size()),
      b_(static_cast<size_t>(latents_b)),
      products_(counterpart.size(), 0.0),
      row_of_b_(static_cast<size_t>(latents_b), 0.0f) {}

void ActivationCorrelation::Add(const ActiveRows& a, const ActiveRows& b) {
  for (size_t row = 0; row + 1 < a.starts.size(); ++row) {
    const auto begin_b = static_cast<size_t>(b.starts[row]);
    const auto end_b = static_cast<size_t>(b.starts[row + 1]);
    for (size_t i = begin_b; i < end_b; ++i) {
      const double value = b.values[i];
      b_[b.latents[i]].sum += value;
      b_[b.latents[i]].squares += value * value;
      row_of_b_[b.latents[i]] = b.values[i];
    }
    for (auto i = static_cast<size_t>(a.starts[row]); i < static_cast<size_t>(a.starts[row + 1]); ++i) {
      const double value = a.values[i];
      const uint32_t latent = a.latents[i];
      a_[latent].sum += value;
      a_[latent].squares += value * value;
      if (counterpart_[latent] >= 0) products_[latent] += value * row_of_b_[static_cast<size_t>(counterpart_[latent])];
    }
    for (size_t i = begin_b; i < end_b; ++i) row_of_b_[b.latents[i]] = 0;
    ++rows_;
  }
}

std::vector<std::optional<double>> ActivationCorrelation::Correlations() const {
  std::vector<std::optional<double>> correlations(counterpart_.size());
  const auto rows = static_cast<double>(rows_);
  for (size_t latent = 0; latent < counterpart_.size(); ++latent) {
    if (counterpart_[latent] < 0 || rows_ == 0) continue;
    const Moments& a = a_[latent];
    const Moments& b = b_[static_cast<size_t>(counterpart_[latent])];
    const double variance_a = a.squares - a.sum * a.sum / rows;
    const double variance_b = b.squares - b.sum * b.sum / rows;
    // What rounding leaves of a constant's variance.
    constexpr double kRounding = 1e-12;
    if (!(variance_a > kRounding * a.squares && variance_b > kRounding * b.squares)) continue;
    correlations[latent] = (products_[latent] - a.sum * b.sum / rows) / std::sqrt(variance_a * variance_b);
  }
  return correlations;
}

}  // namespace seedbed
