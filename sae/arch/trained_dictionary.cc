#include "sae/arch/trained_dictionary.h"

#include <limits>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/full.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "sae/arch/initialization.h"
#include "sae/arch/registry.h"
#include "sae/checkpoint/expected_tensors.h"

namespace seedbed {
namespace {

// One that is followed beside the parameters; jumprelu's is one of them.
bool HasInferenceThreshold(const std::string& architecture) { return HasK(architecture) && HasThreshold(architecture); }

void FoldDecoderNorms(Dictionary* dictionary) {
  const at::Tensor norms = dictionary->decoder_weight.norm(2, {1});
  dictionary->encoder_weight.mul_(norms.unsqueeze(1));
  dictionary->encoder_bias.mul_(norms);
  dictionary->decoder_weight.div_(norms.unsqueeze(1));
}

absl::Status Misfit(absl::string_view what, absl::string_view found, absl::string_view needed) {
  return absl::InvalidArgumentError(absl::StrCat("the dictionary's ", what, " is ", found, ", needed is ", needed));
}

}  // namespace

Dictionary TrainedDictionary(const SaeConfig& config, const SaeTensors& parameters, double threshold) {
  Dictionary dictionary;
  dictionary.architecture = config.architecture;
  dictionary.k = config.k;
  dictionary.centers_input = config.centers_input();
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& tensor = parameters.*field.member;
    if (!tensor.defined()) continue;
    dictionary.*field.member =
        tensor.detach().to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  }
  const bool has_threshold = HasInferenceThreshold(config.architecture);
  if (has_threshold) dictionary.threshold = at::full({config.latents}, threshold);
  const bool ranks_by_norm =
      config.convention == Convention::kSaeLens && (has_threshold || config.architecture == "topk");
  if (ranks_by_norm) FoldDecoderNorms(&dictionary);
  return dictionary;
}

absl::StatusOr<SaeTensors> ParametersFrom(const SaeConfig& config, const Dictionary& dictionary) {
  if (dictionary.architecture != config.architecture) {
    return Misfit("architecture", dictionary.architecture, config.architecture);
  }
  if (dictionary.centers_input != config.centers_input()) {
    return Misfit("encoder input", dictionary.centers_input ? "x - b_dec" : "x",
                  config.centers_input() ? "x - b_dec" : "x");
  }
  ASSIGN_OR_RETURN(SaeTensors needed, InitialParameters(config));
  SaeTensors parameters;
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& shape = needed.*field.member;
    const at::Tensor& tensor = dictionary.*field.member;
    if (!shape.defined()) {
      const bool is_left_out =
          !tensor.defined() || (field.member == &SaeTensors::threshold && HasInferenceThreshold(config.architecture));
      if (!is_left_out) return Misfit(field.name, "there", "that it is absent");
      continue;
    }
    if (!tensor.defined()) return Misfit(field.name, "absent", "that it is there");
    if (tensor.sizes() != shape.sizes()) {
      return Misfit(absl::StrCat("shape of ", field.name), absl::StrCat("[", absl::StrJoin(tensor.sizes(), ", "), "]"),
                    absl::StrCat("[", absl::StrJoin(shape.sizes(), ", "), "]"));
    }
    parameters.*field.member = tensor.clone();
  }
  if (config.unit_decoder()) {
    at::Tensor& decoder = parameters.decoder_weight;
    decoder /= decoder.norm(2, {1}, /*keepdim=*/true).clamp_min(std::numeric_limits<float>::min());
  }
  return parameters;
}

}  // namespace seedbed
