#include "sae/match/agreement.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr double kResolution = 1e-12;
constexpr int kCurveSteps = 20;

bool AtOrAbove(double cosine, double threshold) { return cosine >= threshold - kResolution; }
bool Above(double cosine, double threshold) { return cosine > threshold + kResolution; }

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double FractionAtOrAbove(const std::vector<double>& values, double threshold) {
  const auto count =
      std::count_if(values.begin(), values.end(), [&](double value) { return AtOrAbove(value, threshold); });
  return static_cast<double>(count) / static_cast<double>(values.size());
}

SideAlignment Align(const Matching& matching, double threshold) {
  SideAlignment side;
  side.mean_cosine = matching.mean_cosine;
  side.mmcs_ab = Mean(matching.largest_a);
  side.mmcs_ba = Mean(matching.largest_b);
  side.max_above_ab = FractionAtOrAbove(matching.largest_a, threshold);
  side.max_above_ba = FractionAtOrAbove(matching.largest_b, threshold);
  side.upper_bound = matching.upper_bound;
  side.certified = matching.certified;
  return side;
}

// The matchings of both sides of one pair, a being no larger than b.
struct PairMatching {
  Matching decoder;
  Matching encoder;

  int64_t latents() const { return static_cast<int64_t>(decoder.counterpart.size()); }
  bool Equal(int64_t latent) const { return decoder.counterpart[latent] == encoder.counterpart[latent]; }
  bool Strict(int64_t latent, double threshold) const {
    return Equal(latent) && AtOrAbove(decoder.cosine[latent], threshold) &&
           AtOrAbove(encoder.cosine[latent], threshold);
  }
  bool Aligned(int64_t latent, double threshold) const {
    return Above(decoder.cosine[latent], threshold) && Above(encoder.cosine[latent], threshold);
  }

  template <typename Predicate>
  double Fraction(Predicate predicate) const {
    int64_t count = 0;
    for (int64_t latent = 0; latent < latents(); ++latent) count += predicate(latent) ? 1 : 0;
    return static_cast<double>(count) / static_cast<double>(latents());
  }
  CurvePoint Shared(double threshold) const {
    return {threshold, Fraction([&](int64_t latent) { return Strict(latent, threshold); }),
            Fraction([&](int64_t latent) { return Aligned(latent, threshold); })};
  }
};

absl::Status CheckSides(const DictionaryRows& dictionary, absl::string_view which) {
  const bool matrices = dictionary.decoder.dim() == 2 && dictionary.encoder.dim() == 2;
  if (matrices && dictionary.decoder.size(0) == dictionary.encoder.size(0)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("decoder and encoder of the ", which, " dictionary differ in their number of rows"));
}

absl::StatusOr<PairMatching> MatchBothSides(const DictionaryRows& a, const DictionaryRows& b,
                                            const MatchOptions& options) {
  PairMatching pair;
  auto decoder = MatchRows(a.decoder, b.decoder, options);
  if (!decoder.ok()) return Annotate(decoder.status(), "decoder");
  pair.decoder = *std::move(decoder);
  auto encoder = MatchRows(a.encoder, b.encoder, options);
  if (!encoder.ok()) return Annotate(encoder.status(), "encoder");
  pair.encoder = *std::move(encoder);
  return pair;
}

void SwapDirections(SideAlignment& side) {
  std::swap(side.mmcs_ab, side.mmcs_ba);
  std::swap(side.max_above_ab, side.max_above_ba);
}

PairAgreement Swapped(PairAgreement pair) {
  std::swap(pair.latents_a, pair.latents_b);
  std::swap(pair.strict_in_a, pair.strict_in_b);
  SwapDirections(pair.decoder);
  SwapDirections(pair.encoder);
  return pair;
}

PairAgreement Measure(const PairMatching& pair, double threshold) {
  PairAgreement result;
  result.latents_a = static_cast<int64_t>(pair.decoder.largest_a.size());
  result.latents_b = static_cast<int64_t>(pair.decoder.largest_b.size());
  result.decoder = Align(pair.decoder, threshold);
  result.encoder = Align(pair.encoder, threshold);
  result.encoder_decoder_equal = pair.Fraction([&](int64_t latent) { return pair.Equal(latent); });
  const CurvePoint shared = pair.Shared(threshold);
  result.shared_strict = shared.strict;
  result.shared_aligned = shared.aligned;
  for (int step = 0; step <= kCurveSteps; ++step) {
    result.curve.push_back(pair.Shared(static_cast<double>(step) / kCurveSteps));
  }
  result.strict_in_a.resize(result.latents_a, false);
  result.strict_in_b.resize(result.latents_b, false);
  for (int64_t latent = 0; latent < pair.latents(); ++latent) {
    if (!pair.Strict(latent, threshold)) continue;
    result.strict_in_a[latent] = true;
    result.strict_in_b[pair.decoder.counterpart[latent]] = true;
  }
  return result;
}

}  // namespace

absl::StatusOr<PairAgreement> ComparePair(const DictionaryRows& a, const DictionaryRows& b, double threshold,
                                          const MatchOptions& options) {
  RETURN_IF_ERROR(CheckSides(a, "first"));
  RETURN_IF_ERROR(CheckSides(b, "second"));
  // Only the latents of the smaller side all have a counterpart, so they are the ones that are counted.
  const bool swap = a.decoder.dim() == 2 && b.decoder.dim() == 2 && a.decoder.size(0) > b.decoder.size(0);
  ASSIGN_OR_RETURN(const PairMatching matching, swap ? MatchBothSides(b, a, options) : MatchBothSides(a, b, options));
  PairAgreement result = Measure(matching, threshold);
  return swap ? Swapped(std::move(result)) : result;
}

}  // namespace seedbed
