#include "sae/agreement/pair_agreement.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr int kCurveSteps = 20;

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double FractionAtOrAbove(const std::vector<double>& values, double threshold) {
  const auto count =
      std::count_if(values.begin(), values.end(), [&](double value) { return AtOrAbove(value, threshold); });
  return static_cast<double>(count) / static_cast<double>(values.size());
}

SideAgreement MeasureSide(const SideMatching& side, double threshold) {
  return {side.mean_cosine, Mean(side.largest_a), Mean(side.largest_b), FractionAtOrAbove(side.largest_a, threshold),
          FractionAtOrAbove(side.largest_b, threshold)};
}

absl::Status CheckSizes(const PairMatching& pair) {
  const auto a = static_cast<size_t>(pair.latents_a());
  const auto b = static_cast<size_t>(pair.latents_b());
  const Counterparts& of = pair.counterparts;
  const bool fits = a > 0 && b > 0 && pair.encoder.largest_a.size() == a && pair.encoder.largest_b.size() == b &&
                    of.decoder.counterpart.size() == a && of.encoder.counterpart.size() == a &&
                    of.decoder.cosine.size() == a && of.encoder.cosine.size() == a;
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a matching of ", a, " and ", b, " latents has ",
                                                 of.decoder.counterpart.size(), " counterparts of decoder rows and ",
                                                 of.encoder.counterpart.size(), " of encoder rows"));
}

template <typename Predicate>
double Fraction(const Counterparts& counterparts, Predicate predicate) {
  int64_t count = 0;
  for (int64_t latent = 0; latent < counterparts.latents(); ++latent) count += predicate(latent) ? 1 : 0;
  return static_cast<double>(count) / static_cast<double>(counterparts.latents());
}

CurvePoint Shared(const Counterparts& of, double threshold) {
  return {threshold, Fraction(of, [&](int64_t latent) { return of.Strict(latent, threshold); }),
          Fraction(of, [&](int64_t latent) { return of.Aligned(latent, threshold); })};
}

}  // namespace

absl::StatusOr<PairAgreement> MeasurePair(const PairMatching& pair, double threshold) {
  RETURN_IF_ERROR(CheckSizes(pair));
  // Only the latents of the smaller dictionary all have a counterpart, so they are the ones that are counted.
  Counterparts inverse;
  const bool of_b = pair.latents_a() > pair.latents_b();
  if (of_b) {
    ASSIGN_OR_RETURN(inverse, Inverse(pair.counterparts, pair.latents_b()));
  }
  const Counterparts& of = of_b ? inverse : pair.counterparts;
  PairAgreement agreement;
  agreement.decoder = MeasureSide(pair.decoder, threshold);
  agreement.encoder = MeasureSide(pair.encoder, threshold);
  agreement.encoder_decoder_equal = Fraction(of, [&](int64_t latent) { return of.Equal(latent); });
  const CurvePoint shared = Shared(of, threshold);
  agreement.shared_strict = shared.strict;
  agreement.shared_aligned = shared.aligned;
  for (int step = 0; step <= kCurveSteps; ++step) {
    agreement.curve.push_back(Shared(of, static_cast<double>(step) / kCurveSteps));
  }
  return agreement;
}

}  // namespace seedbed
