#include "client/stream_facts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/format.h"
#include "common/enum_word.h"

namespace seedbed {
namespace {

// Values of one list that are shown.
constexpr int kMostShown = 12;

std::string TypeName(v1::FloatType type) { return EnumWord(v1::FloatType_Name(type), "FLOAT_TYPE_"); }

template <typename List>
std::string Shortened(const List& values) {
  const int shown = std::min<int>(values.size(), kMostShown);
  const std::string text = absl::StrJoin(values.begin(), values.begin() + shown, ", ");
  return shown == static_cast<int>(values.size()) ? text : absl::StrCat(text, " and ", values.size() - shown, " more");
}

std::string ModelFact(const v1::StreamSpec& stream) {
  if (stream.model_path().empty() || !stream.folder_path().empty()) return stream.model_path();
  const std::string type = stream.model_dtype() == v1::FLOAT_TYPE_UNSPECIFIED ? "what the device is best at"
                                                                              : TypeName(stream.model_dtype());
  return absl::StrCat(stream.model_path(), ", in ", type);
}

std::string TranscodersFact(const v1::SaeGrid& grid) {
  std::vector<std::string> names;
  for (const v1::TranscoderSpec& transcoder : grid.transcoders()) {
    names.push_back(absl::StrCat(transcoder.input(), " -> ", transcoder.target()));
  }
  return Shortened(names);
}

std::string TokensFact(const v1::StreamSpec& stream) {
  if (stream.tokens().empty()) return "";
  const auto add_share = [](std::string* out, const v1::TokenShare& share) {
    absl::StrAppend(out, FormatCount(share.sequences()), " of ", share.path());
  };
  return absl::StrCat("sequences of ", FormatCount(stream.sequence_length()), ": ",
                      absl::StrJoin(stream.tokens(), ", ", add_share));
}

std::string ExclusionsFact(const v1::StreamSpec& stream) {
  std::vector<std::string> parts;
  if (stream.exclude_first() > 0) {
    parts.push_back(absl::StrCat("the first ", FormatCount(stream.exclude_first()), " of a sequence"));
  }
  if (!stream.exclude_tokens().empty()) parts.push_back(absl::StrCat("tokens ", Shortened(stream.exclude_tokens())));
  if (stream.has_padding_token()) parts.push_back(absl::StrCat("padding with ", stream.padding_token()));
  return absl::StrJoin(parts, "; ");
}

std::string RowsFact(const v1::StreamSpec& stream) {
  if (stream.batch_tokens() == 0) return "";
  const int64_t steps = stream.epochs() * stream.rows_per_epoch() / stream.batch_tokens();
  return absl::StrCat(FormatCount(stream.rows_per_epoch()), " an epoch; ", FormatCount(steps), " steps of ",
                      FormatCount(stream.batch_tokens()), " in ", FormatCount(stream.epochs()),
                      stream.epochs() == 1 ? " epoch" : " epochs");
}

std::string NormalizationFact(const v1::StreamSpec& stream) {
  if (stream.normalize() != v1::NORMALIZATION_MEAN_SQUARE) return "";
  return absl::StrCat("mean square, from the first ", FormatCount(stream.normalize_rows()), " rows");
}

std::string CacheFact(const v1::Gang& gang) {
  if (!gang.has_cache()) return "";
  return absl::StrCat(gang.cache().dir(), ", at most ", FormatCount(gang.cache().max_bytes()), " bytes");
}

}  // namespace

std::vector<Fact> StreamFacts(const v1::Sweep& sweep) {
  const v1::Gang& gang = sweep.gangs().empty() ? v1::Gang::default_instance() : sweep.gangs(0);
  const v1::StreamSpec& stream = gang.stream();
  std::vector<Fact> facts = {
      {"model", ModelFact(stream)},
      {"hookpoints", Shortened(sweep.spec().sae().hookpoints())},
      {"transcoders", TranscodersFact(sweep.spec().sae())},
      {"tokens", TokensFact(stream)},
      {"folder", stream.folder_path()},
      {"left out", ExclusionsFact(stream)},
      {"rows", RowsFact(stream)},
      {"row type", stream.dtype() == v1::FLOAT_TYPE_UNSPECIFIED ? "" : TypeName(stream.dtype())},
      {"normalized", NormalizationFact(stream)},
      {"cache", CacheFact(gang)},
  };
  facts.erase(std::remove_if(facts.begin(), facts.end(), [](const Fact& fact) { return fact.value.empty(); }),
              facts.end());
  return facts;
}

}  // namespace seedbed
