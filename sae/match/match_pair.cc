#include "sae/match/match_pair.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

absl::Status CheckSides(const DictionaryRows& dictionary, absl::string_view which) {
  const bool matrices = dictionary.decoder.dim() == 2 && dictionary.encoder.dim() == 2;
  if (matrices && dictionary.decoder.size(0) == dictionary.encoder.size(0)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("decoder and encoder of the ", which, " dictionary differ in their number of rows"));
}

// Into its place in the pair.
absl::Status MatchSide(absl::string_view side, const at::Tensor& a, const at::Tensor& b, const MatchOptions& options,
                       SideCounterparts* counterparts, SideMatching* matching) {
  auto matched = MatchRows(a, b, options);
  if (!matched.ok()) return Annotate(matched.status(), side);
  counterparts->counterpart.assign(matched->counterpart.begin(), matched->counterpart.end());
  counterparts->cosine = std::move(matched->cosine);
  matching->mean_cosine = matched->mean_cosine;
  matching->upper_bound = matched->upper_bound;
  matching->certified = matched->certified;
  matching->rounds = matched->rounds;
  matching->seconds = matched->seconds;
  matching->zero_rows_a = matched->zero_rows_a;
  matching->zero_rows_b = matched->zero_rows_b;
  matching->largest_a = std::move(matched->largest_a);
  matching->largest_b = std::move(matched->largest_b);
  matching->largest_proven = matched->largest_proven;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PairMatching> MatchPair(const DictionaryRows& a, const DictionaryRows& b, const MatchOptions& options) {
  RETURN_IF_ERROR(CheckSides(a, "first"));
  RETURN_IF_ERROR(CheckSides(b, "second"));
  PairMatching pair;
  RETURN_IF_ERROR(MatchSide("decoder", a.decoder, b.decoder, options, &pair.counterparts.decoder, &pair.decoder));
  RETURN_IF_ERROR(MatchSide("encoder", a.encoder, b.encoder, options, &pair.counterparts.encoder, &pair.encoder));
  return pair;
}

}  // namespace seedbed
