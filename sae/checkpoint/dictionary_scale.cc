#include <utility>

#include "ATen/ops/div.h"
#include "sae/checkpoint/dictionary.h"

namespace seedbed {

Dictionary WithoutScale(Dictionary dictionary, float scale) {
  if (scale == 1) return dictionary;
  dictionary.encoder_bias = at::div(dictionary.encoder_bias, scale);
  dictionary.decoder_bias = at::div(dictionary.decoder_bias, scale);
  return dictionary;
}

}  // namespace seedbed
