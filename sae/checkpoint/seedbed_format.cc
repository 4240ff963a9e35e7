// Our own format, for what neither sparsify nor SAELens can express: the members of Dictionary under their own names.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/expected_tensors.h"
#include "sae/checkpoint/folder_format.h"

namespace seedbed {
namespace {

constexpr char kFormat[] = "seedbed";

// kSaeTensorFields, which names every member.
absl::Span<const StoredTensor> Tensors() {
  static const std::vector<StoredTensor>* const tensors = [] {
    auto* made = new std::vector<StoredTensor>;  // Never destroyed.
    for (const SaeTensorField& field : kSaeTensorFields) made->push_back({field.member, field.name});
    return made;
  }();
  return *tensors;
}

absl::Status CheckExpressible(const Dictionary&) { return absl::OkStatus(); }

std::string ConfigText(const Dictionary& dictionary, const RunFacts&) {
  const nlohmann::ordered_json config = {{"format", kFormat},
                                         {"architecture", dictionary.architecture},
                                         {"k", dictionary.k},
                                         {"latents", dictionary.latents()},
                                         {"d_in", dictionary.d_in()},
                                         {"d_out", dictionary.d_out()},
                                         {"centers_input", dictionary.centers_input},
                                         {"skip", dictionary.skip_weight.defined()}};
  return absl::StrCat(config.dump(/*indent=*/2), "\n");
}

bool Recognizes(const JsonObject& config) {
  const absl::StatusOr<std::string> format = config.String("format");
  return format.ok() && *format == kFormat;
}

absl::StatusOr<Dictionary> Read(const JsonObject& config, const SafetensorsFile& weights) {
  DictionaryShape shape;
  ASSIGN_OR_RETURN(shape.architecture, config.String("architecture"));
  RETURN_IF_ERROR(Annotate(CheckArchitecture(shape.architecture), config.source()));
  ASSIGN_OR_RETURN(shape.latents, config.Integer("latents", 1, kLargestWidth));
  ASSIGN_OR_RETURN(shape.d_in, config.Integer("d_in", 1, kLargestWidth));
  ASSIGN_OR_RETURN(shape.d_out, config.Integer("d_out", 1, kLargestWidth));
  ASSIGN_OR_RETURN(shape.skip, config.Boolean("skip"));
  Dictionary dictionary;
  dictionary.architecture = shape.architecture;
  ASSIGN_OR_RETURN(dictionary.centers_input, config.Boolean("centers_input"));
  if (dictionary.centers_input && shape.d_in != shape.d_out) {
    return config.Error("centers_input", absl::StrCat("is true, but b_dec of width ", shape.d_out,
                                                      " can't be subtracted from an input of width ", shape.d_in));
  }
  const bool has_k = HasK(shape.architecture);
  ASSIGN_OR_RETURN(dictionary.k, config.Integer("k", has_k ? 1 : 0, has_k ? shape.latents : 0));
  ASSIGN_OR_RETURN(static_cast<SaeTensors&>(dictionary), ReadTensors(weights, ExpectedTensors(shape), Tensors()));
  return dictionary;
}

}  // namespace

FolderFormat SeedbedFolderFormat() {
  return {DictionaryFormat::kSeedbed, &CheckExpressible, &ConfigText, Tensors(), &Recognizes, &Read};
}

}  // namespace seedbed
