#include "sae/checkpoint/expected_tensors.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/architectures.h"
#include "common/quoted.h"

namespace seedbed {
namespace {

constexpr absl::string_view kArchitectures[] = {"topk", "batchtopk", "relu", "gated", "jumprelu", "matryoshka"};

bool Has(const DictionaryShape& shape, at::Tensor SaeTensors::*member) {
  const bool gated = shape.architecture == "gated";
  if (member == &SaeTensors::encoder_bias) return !gated;
  if (member == &SaeTensors::gate_bias || member == &SaeTensors::magnitude_bias ||
      member == &SaeTensors::log_magnitude) {
    return gated;
  }
  if (member == &SaeTensors::threshold) return HasThreshold(shape.architecture);
  if (member == &SaeTensors::skip_weight) return shape.skip;
  return true;
}

std::vector<int64_t> ShapeOf(const DictionaryShape& shape, at::Tensor SaeTensors::*member) {
  if (member == &SaeTensors::encoder_weight) return {shape.latents, shape.d_in};
  if (member == &SaeTensors::decoder_weight) return {shape.latents, shape.d_out};
  if (member == &SaeTensors::decoder_bias) return {shape.d_out};
  if (member == &SaeTensors::skip_weight) return {shape.d_out, shape.d_in};
  return {shape.latents};
}

}  // namespace

absl::Status CheckArchitecture(absl::string_view architecture) {
  if (std::find(std::begin(kArchitectures), std::end(kArchitectures), architecture) != std::end(kArchitectures)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("architecture ", Quoted(architecture), " is not known, allowed are ",
                                                 absl::StrJoin(kArchitectures, ", ")));
}

bool HasThreshold(absl::string_view architecture) {
  return architecture == "jumprelu" || architecture == "batchtopk" || architecture == "matryoshka";
}

bool HasK(absl::string_view architecture) {
  const ArchitectureFacts* const facts = FindArchitectureFacts(architecture);
  return facts != nullptr && facts->keeps_k;
}

std::vector<ExpectedFileTensor> ExpectedTensors(const DictionaryShape& shape) {
  std::vector<ExpectedFileTensor> expected;
  for (const SaeTensorField& field : kSaeTensorFields) {
    if (Has(shape, field.member)) expected.push_back({field, ShapeOf(shape, field.member)});
  }
  return expected;
}

}  // namespace seedbed
