#include "common/architectures.h"

#include <algorithm>

namespace seedbed {

absl::Span<const ArchitectureFacts> KnownArchitectures() {
  constexpr absl::string_view kSparsify = "sparsify";
  constexpr absl::string_view kSaeLens = "saelens";
  constexpr absl::string_view kDictionaryLearning = "dictionary_learning";
  static const auto* architectures = new std::vector<ArchitectureFacts>{
      {"topk", true, {kSparsify, kSaeLens, kDictionaryLearning}}, {"batchtopk", true, {kDictionaryLearning, kSaeLens}},
      {"matryoshka", true, {kDictionaryLearning, kSaeLens}},      {"relu", false, {kDictionaryLearning, kSaeLens}},
      {"gated", false, {kDictionaryLearning, kSaeLens}},          {"jumprelu", false, {kSaeLens, kDictionaryLearning}},
  };
  return *architectures;
}

const ArchitectureFacts* FindArchitectureFacts(absl::string_view name) {
  const absl::Span<const ArchitectureFacts> all = KnownArchitectures();
  const auto* const found = std::find_if(all.begin(), all.end(), [&](const auto& known) { return known.name == name; });
  return found == all.end() ? nullptr : found;
}

}  // namespace seedbed
