#include "sae/agreement/sibling_matchings.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

absl::StatusOr<SideCounterparts> InverseOf(const SideCounterparts& side, int64_t latents) {
  SideCounterparts inverse;
  inverse.counterpart.resize(static_cast<size_t>(latents), -1);
  inverse.cosine.resize(static_cast<size_t>(latents), 0.0);
  for (size_t i = 0; i < side.counterpart.size(); ++i) {
    const int32_t other = side.counterpart[i];
    if (other == -1) continue;
    if (other < 0 || other >= latents) {
      return absl::InvalidArgumentError(
          absl::StrCat("the counterpart of latent ", i, " is ", other, ", of ", latents, " latents"));
    }
    int32_t& place = inverse.counterpart[static_cast<size_t>(other)];
    if (place != -1) {
      return absl::InvalidArgumentError(absl::StrCat("latents ", place, " and ", i, " have one counterpart, ", other));
    }
    place = static_cast<int32_t>(i);
    inverse.cosine[static_cast<size_t>(other)] = side.cosine[i];
  }
  return inverse;
}

absl::Status CheckSize(const Counterparts& pair, int64_t a, int64_t b, int64_t latents) {
  const auto size = static_cast<size_t>(latents);
  for (const SideCounterparts* side : {&pair.decoder, &pair.encoder}) {
    if (side->counterpart.size() == size && side->cosine.size() == size) continue;
    return absl::InvalidArgumentError(absl::StrCat("the matching of dictionaries ", a, " and ", b, " has ",
                                                   side->counterpart.size(), " counterparts and ", side->cosine.size(),
                                                   " cosines; dictionary ", a, " has ", latents, " latents"));
  }
  return absl::OkStatus();
}

}  // namespace

bool Counterparts::Equal(int64_t latent) const {
  const auto i = static_cast<size_t>(latent);
  return decoder.counterpart[i] >= 0 && decoder.counterpart[i] == encoder.counterpart[i];
}

bool Counterparts::Strict(int64_t latent, double threshold) const {
  const auto i = static_cast<size_t>(latent);
  return Equal(latent) && AtOrAbove(decoder.cosine[i], threshold) && AtOrAbove(encoder.cosine[i], threshold);
}

bool Counterparts::Aligned(int64_t latent, double threshold) const {
  const auto i = static_cast<size_t>(latent);
  return Above(decoder.cosine[i], threshold) && Above(encoder.cosine[i], threshold);
}

absl::StatusOr<Counterparts> Inverse(const Counterparts& counterparts, int64_t latents) {
  Counterparts inverse;
  ASSIGN_OR_RETURN(inverse.decoder, InverseOf(counterparts.decoder, latents));
  ASSIGN_OR_RETURN(inverse.encoder, InverseOf(counterparts.encoder, latents));
  return inverse;
}

absl::StatusOr<SiblingMatchings> SiblingMatchings::Make(std::vector<int64_t> latents, std::vector<Counterparts> pairs) {
  const auto dictionaries = static_cast<int64_t>(latents.size());
  if (dictionaries < 2 || static_cast<int64_t>(pairs.size()) != dictionaries * (dictionaries - 1) / 2) {
    return absl::InvalidArgumentError(absl::StrCat("found ", pairs.size(), " pairs of ", dictionaries,
                                                   " dictionaries; S (S - 1) / 2 pairs of S >= 2 are needed"));
  }
  std::vector<Counterparts> matchings(static_cast<size_t>(dictionaries * dictionaries));
  size_t pair = 0;
  for (int64_t a = 0; a < dictionaries; ++a) {
    for (int64_t b = a + 1; b < dictionaries; ++b, ++pair) {
      RETURN_IF_ERROR(CheckSize(pairs[pair], a, b, latents[static_cast<size_t>(a)]));
      auto inverse = Inverse(pairs[pair], latents[static_cast<size_t>(b)]);
      if (!inverse.ok()) return Annotate(inverse.status(), absl::StrCat("dictionaries ", a, " and ", b));
      matchings[static_cast<size_t>(b * dictionaries + a)] = *std::move(inverse);
      matchings[static_cast<size_t>(a * dictionaries + b)] = std::move(pairs[pair]);
    }
  }
  return SiblingMatchings(std::move(latents), std::move(matchings));
}

}  // namespace seedbed
