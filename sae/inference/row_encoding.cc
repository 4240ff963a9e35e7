#include "sae/inference/row_encoding.h"

#include <algorithm>

#include "ATen/ops/exp.h"
#include "sae/checkpoint/expected_tensors.h"

namespace seedbed {
namespace {

void Append(int64_t latent, float value, const ActiveLatents& active) {
  active.latents->push_back(static_cast<uint32_t>(latent));
  active.values->push_back(value);
}

}  // namespace

EncodingScratch::EncodingScratch(const Dictionary& dictionary)
    : top_k(dictionary.latents(), std::max<int64_t>(dictionary.k, 1)),
      latents(static_cast<size_t>(dictionary.k)),
      values(static_cast<size_t>(dictionary.k)) {}

RowEncoding::RowEncoding(const Dictionary& dictionary)
    : latents_(dictionary.latents()),
      k_(dictionary.k),
      encoder_bias_(dictionary.encoder_bias),
      threshold_(dictionary.threshold),
      gate_bias_(dictionary.gate_bias),
      magnitude_bias_(dictionary.magnitude_bias) {
  if (HasThreshold(dictionary.architecture)) {
    rule_ = Rule::kThreshold;
  } else if (dictionary.architecture == "gated") {
    rule_ = Rule::kGated;
    magnitude_ = at::exp(dictionary.log_magnitude);
  } else {
    rule_ = dictionary.architecture == "topk" ? Rule::kTopK : Rule::kRelu;
  }
}

void RowEncoding::Select(const float* products, EncodingScratch* scratch, const ActiveLatents& active) const {
  switch (rule_) {
    case Rule::kTopK:
      return SelectTopK(products, scratch, active);
    case Rule::kRelu:
      return SelectRelu(products, active);
    case Rule::kThreshold:
      return SelectAboveThreshold(products, active);
    case Rule::kGated:
      return SelectGated(products, active);
  }
}

void RowEncoding::SelectTopK(const float* products, EncodingScratch* scratch, const ActiveLatents& active) const {
  const int64_t count = seedbed::SelectTopK(products, encoder_bias_.const_data_ptr<float>(), latents_, k_,
                                            &scratch->top_k, scratch->latents.data(), scratch->values.data());
  active.latents->insert(active.latents->end(), scratch->latents.begin(), scratch->latents.begin() + count);
  active.values->insert(active.values->end(), scratch->values.begin(), scratch->values.begin() + count);
}

void RowEncoding::SelectRelu(const float* products, const ActiveLatents& active) const {
  const float* bias = encoder_bias_.const_data_ptr<float>();
  for (int64_t i = 0; i < latents_; ++i) {
    const float value = products[i] + bias[i];
    if (value > 0) Append(i, value, active);
  }
}

void RowEncoding::SelectAboveThreshold(const float* products, const ActiveLatents& active) const {
  const float* bias = encoder_bias_.const_data_ptr<float>();
  const float* threshold = threshold_.const_data_ptr<float>();
  for (int64_t i = 0; i < latents_; ++i) {
    const float value = products[i] + bias[i];
    if (value > 0 && value > threshold[i]) Append(i, value, active);
  }
}

void RowEncoding::SelectGated(const float* products, const ActiveLatents& active) const {
  const float* gate_bias = gate_bias_.const_data_ptr<float>();
  const float* magnitude_bias = magnitude_bias_.const_data_ptr<float>();
  const float* magnitude = magnitude_.const_data_ptr<float>();
  for (int64_t i = 0; i < latents_; ++i) {
    const float value = magnitude[i] * products[i] + magnitude_bias[i];
    if (products[i] + gate_bias[i] > 0 && value > 0) Append(i, value, active);
  }
}

}  // namespace seedbed
