#include "sae/agreement/stability.h"

namespace seedbed {

std::vector<Stability> StabilityOf(const SiblingMatchings& siblings, int64_t dictionary, double threshold) {
  std::vector<Stability> stability(static_cast<size_t>(siblings.latents(dictionary)));
  const double share = 1.0 / static_cast<double>(siblings.dictionaries() - 1);
  for (int64_t other = 0; other < siblings.dictionaries(); ++other) {
    if (other == dictionary) continue;
    const Counterparts& counterparts = siblings.Of(dictionary, other);
    for (size_t latent = 0; latent < stability.size(); ++latent) {
      stability[latent].decoder_cosine += share * counterparts.decoder.cosine[latent];
      stability[latent].encoder_cosine += share * counterparts.encoder.cosine[latent];
      stability[latent].found_in += counterparts.Strict(static_cast<int64_t>(latent), threshold) ? 1 : 0;
    }
  }
  return stability;
}

}  // namespace seedbed
