#include <utility>

#include "ATen/ops/div.h"
#include "ATen/ops/mul.h"
#include "sae/checkpoint/dictionary.h"

namespace seedbed {

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
