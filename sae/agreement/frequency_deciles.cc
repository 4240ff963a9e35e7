#include "sae/agreement/frequency_deciles.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr int64_t kDeciles = 10;

absl::Status CheckFrequencies(absl::Span<const double> frequencies, int64_t latents) {
  if (static_cast<int64_t>(frequencies.size()) != latents) {
    return absl::InvalidArgumentError(
        absl::StrCat("found ", frequencies.size(), " firing frequencies of ", latents, " latents"));
  }
  for (size_t i = 0; i < frequencies.size(); ++i) {
    if (frequencies[i] >= 0 && frequencies[i] <= 1) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the firing frequency of latent ", i, " is ", frequencies[i], "; 0 to 1 is allowed"));
  }
  return absl::OkStatus();
}

// Those that fire, the least frequent first.
std::vector<int64_t> ByFrequency(absl::Span<const double> frequencies) {
  std::vector<int64_t> order;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    if (frequencies[i] > 0) order.push_back(static_cast<int64_t>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return frequencies[static_cast<size_t>(a)] < frequencies[static_cast<size_t>(b)];
  });
  return order;
}

FrequencyDecile Measure(const Counterparts& counterparts, absl::Span<const double> frequencies, double threshold,
                        absl::Span<const int64_t> latents) {
  FrequencyDecile decile;
  decile.latents = static_cast<int64_t>(latents.size());
  decile.least_frequency = frequencies[static_cast<size_t>(latents.front())];
  decile.largest_frequency = frequencies[static_cast<size_t>(latents.back())];
  const double share = 1.0 / static_cast<double>(latents.size());
  for (const int64_t latent : latents) {
    decile.mean_decoder_cosine += share * counterparts.decoder.cosine[static_cast<size_t>(latent)];
    decile.mean_encoder_cosine += share * counterparts.encoder.cosine[static_cast<size_t>(latent)];
    decile.encoder_decoder_equal += counterparts.Equal(latent) ? share : 0;
    decile.shared_strict += counterparts.Strict(latent, threshold) ? share : 0;
    decile.shared_aligned += counterparts.Aligned(latent, threshold) ? share : 0;
  }
  return decile;
}

}  // namespace

absl::StatusOr<std::vector<FrequencyDecile>> FrequencyDeciles(const Counterparts& counterparts,
                                                              absl::Span<const double> frequencies, double threshold) {
  RETURN_IF_ERROR(CheckFrequencies(frequencies, counterparts.latents()));
  const std::vector<int64_t> order = ByFrequency(frequencies);
  const auto firing = static_cast<int64_t>(order.size());
  const int64_t deciles = std::min(kDeciles, firing);
  std::vector<FrequencyDecile> measured;
  for (int64_t decile = 0; decile < deciles; ++decile) {
    const int64_t begin = firing * decile / deciles;
    const int64_t end = firing * (decile + 1) / deciles;
    measured.push_back(
        Measure(counterparts, frequencies, threshold,
                absl::MakeConstSpan(order).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin))));
  }
  return measured;
}

}  // namespace seedbed
