#include "sae/checkpoint/dictionary_format.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/quoted.h"

namespace seedbed {

const char* NameOf(DictionaryFormat format) {
  switch (format) {
    case DictionaryFormat::kSparsify:
      return "sparsify";
    case DictionaryFormat::kSaeLens:
      return "saelens";
    case DictionaryFormat::kSeedbed:
      return "seedbed";
  }
  return "";
}

absl::StatusOr<DictionaryFormat> ParseDictionaryFormat(absl::string_view name) {
  for (const DictionaryFormat format : kDictionaryFormats) {
    if (name == NameOf(format)) return format;
  }
  const auto append_name = [](std::string* out, DictionaryFormat format) { absl::StrAppend(out, NameOf(format)); };
  return absl::InvalidArgumentError(absl::StrCat("format ", Quoted(name), " is not known, allowed are ",
                                                 absl::StrJoin(kDictionaryFormats, ", ", append_name)));
}

const char* WeightsNameOf(DictionaryFormat format) {
  return format == DictionaryFormat::kSaeLens ? "sae_weights.safetensors" : "sae.safetensors";
}

}  // namespace seedbed
