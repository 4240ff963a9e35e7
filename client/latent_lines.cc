#include "client/latent_lines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace seedbed {
namespace {

std::string Counterpart(int32_t latent, double cosine) {
  return latent < 0 ? "," : absl::StrFormat("%d,%.9g", latent, cosine);
}

std::string PairLines(int64_t first, const v1::PairLatents& pair) {
  std::string lines;
  const int count = std::min({pair.decoder_counterpart_size(), pair.decoder_cosine_size(),
                              pair.encoder_counterpart_size(), pair.encoder_cosine_size()});
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&lines, first + i, ",", Counterpart(pair.decoder_counterpart(i), pair.decoder_cosine(i)), ",",
                    Counterpart(pair.encoder_counterpart(i), pair.encoder_cosine(i)), "\n");
  }
  return lines;
}

std::string StabilityLines(int64_t first, const v1::LatentStability& stability) {
  std::string lines;
  const int count =
      std::min({stability.mean_decoder_cosine_size(), stability.mean_encoder_cosine_size(), stability.found_in_size()});
  for (int i = 0; i < count; ++i) {
    absl::StrAppendFormat(&lines, "%d,%d,%.9g,%.9g,%d,%d\n", stability.dictionary(), first + i,
                          stability.mean_decoder_cosine(i), stability.mean_encoder_cosine(i), stability.found_in(i),
                          stability.siblings());
  }
  return lines;
}

}  // namespace

std::string LatentHeading(const v1::StreamLatentsResponse& chunk) {
  if (chunk.has_pair()) return "latent,decoder_counterpart,decoder_cosine,encoder_counterpart,encoder_cosine\n";
  return "dictionary,latent,mean_decoder_cosine,mean_encoder_cosine,found_in,siblings\n";
}

std::string LatentLines(const v1::StreamLatentsResponse& chunk) {
  if (chunk.has_pair()) return PairLines(chunk.first_latent(), chunk.pair());
  return StabilityLines(chunk.first_latent(), chunk.stability());
}

}  // namespace seedbed
