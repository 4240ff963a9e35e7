#include "sae/checkpoint/dictionary.h"

#include <utility>

#include "ATen/ops/div.h"
#include "ATen/ops/isfinite.h"
#include "ATen/ops/mul.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "sae/checkpoint/expected_tensors.h"

namespace seedbed {
namespace {

absl::Status TensorError(absl::string_view name, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("tensor \"", name, "\" ", message));
}

absl::Status CheckTensor(const ExpectedFileTensor& expected, const at::Tensor& tensor) {
  const char* name = expected.field.name;
  if (!tensor.defined()) return TensorError(name, "is missing");
  if (tensor.scalar_type() != at::kFloat || !tensor.device().is_cpu() || !tensor.is_contiguous()) {
    return TensorError(name, "is not float32, contiguous and on the CPU");
  }
  if (tensor.sizes() != at::IntArrayRef(expected.shape)) {
    return TensorError(name, absl::StrCat("has the shape [", absl::StrJoin(tensor.sizes(), ", "), "], needed is [",
                                          absl::StrJoin(expected.shape, ", "), "]"));
  }
  if (!at::isfinite(tensor).all().item<bool>()) return TensorError(name, "holds a value that is not finite");
  return absl::OkStatus();
}

absl::Status CheckMatrix(absl::string_view name, const at::Tensor& tensor) {
  if (tensor.defined() && tensor.dim() == 2) return absl::OkStatus();
  return TensorError(name, "is missing or does not have 2 dimensions");
}

absl::Status CheckTensors(const Dictionary& dictionary, const std::vector<ExpectedFileTensor>& expected) {
  size_t next = 0;  // Of `expected`, whose order is that of the fields.
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& tensor = dictionary.*(field.member);
    if (next < expected.size() && expected[next].field.member == field.member) {
      RETURN_IF_ERROR(CheckTensor(expected[next++], tensor));
    } else if (tensor.defined()) {
      return TensorError(field.name, absl::StrCat("is there, which ", dictionary.architecture, " does not have"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckK(const Dictionary& dictionary) {
  const bool has_k = HasK(dictionary.architecture);
  const int64_t least = has_k ? 1 : 0;
  const int64_t most = has_k ? dictionary.latents() : 0;
  if (dictionary.k >= least && dictionary.k <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("k is ", dictionary.k, ", allowed are ", least, " to ", most));
}

}  // namespace

absl::Status CheckDictionary(const Dictionary& dictionary) {
  RETURN_IF_ERROR(CheckArchitecture(dictionary.architecture));
  RETURN_IF_ERROR(CheckMatrix("encoder_weight", dictionary.encoder_weight));
  RETURN_IF_ERROR(CheckMatrix("decoder_weight", dictionary.decoder_weight));
  RETURN_IF_ERROR(CheckK(dictionary));
  const DictionaryShape shape = {dictionary.architecture, dictionary.latents(), dictionary.d_in(), dictionary.d_out(),
                                 dictionary.skip_weight.defined()};
  RETURN_IF_ERROR(CheckTensors(dictionary, ExpectedTensors(shape)));
  if (dictionary.centers_input && shape.d_in != shape.d_out) {
    return TensorError("decoder_bias", absl::StrCat("has the width ", shape.d_out,
                                                    ", and can't be subtracted from an input of width ", shape.d_in));
  }
  return absl::OkStatus();
}

Dictionary WithoutScale(Dictionary dictionary, float input_scale, float target_scale) {
  if (input_scale == 1 && target_scale == 1) return dictionary;
  const auto divide = [](at::Tensor& tensor, float scale) {
    if (tensor.defined()) tensor = at::div(tensor, scale);
  };
  divide(dictionary.encoder_bias, input_scale);
  divide(dictionary.gate_bias, input_scale);
  divide(dictionary.magnitude_bias, input_scale);
  divide(dictionary.threshold, input_scale);
  divide(dictionary.decoder_bias, target_scale);
  if (input_scale == target_scale) return dictionary;
  const auto multiply = [factor = static_cast<double>(input_scale) / target_scale](at::Tensor& tensor) {
    if (tensor.defined()) tensor = at::mul(tensor, factor);
  };
  multiply(dictionary.decoder_weight);
  multiply(dictionary.skip_weight);
  return dictionary;
}

}  // namespace seedbed
