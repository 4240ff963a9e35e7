#include "tests/sae/evaluation/dictionary_autoencoder.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <tuple>

namespace seedbed {

namespace {

// int64 and float32 [rows, k]: those that are above 0.
SparseActivations Listed(const at::Tensor& latents, const at::Tensor& values) {
  SparseActivations listed;
  for (int64_t row = 0; row < latents.size(0); ++row) {
    for (int64_t i = row * latents.size(1); i < (row + 1) * latents.size(1); ++i) {
      if (!(values.const_data_ptr<float>()[i] > 0)) continue;
      listed.latents.push_back(static_cast<uint32_t>(latents.const_data_ptr<int64_t>()[i]));
      listed.values.push_back(values.const_data_ptr<float>()[i]);
    }
    listed.starts.push_back(static_cast<int64_t>(listed.latents.size()));
  }
  return listed;
}

}  // namespace

absl::StatusOr<Reconstruction> DictionaryAutoencoder::Reconstruct(const at::Tensor& rows) {
  most_rows_at_once_ = std::max(most_rows_at_once_, rows.size(0));
  rows_seen_ += rows.size(0);
  const at::Tensor inputs = is_transcoder_ ? rows : rows - dictionary_.decoder_bias;
  const at::Tensor pre_activations = at::relu(at::linear(inputs, dictionary_.encoder_weight, dictionary_.encoder_bias));
  const auto [activations, latents] = at::topk(pre_activations, dictionary_.k, 1);
  const at::Tensor sparse = at::zeros_like(pre_activations).scatter(1, latents, activations);
  Reconstruction reconstruction;
  reconstruction.activations = Listed(latents.contiguous(), activations.contiguous());
  reconstruction.rows = sparse.matmul(dictionary_.decoder_weight) + dictionary_.decoder_bias;
  return reconstruction;
}

Dictionary DictionaryOf(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix, int64_t k) {
  Dictionary dictionary;
  dictionary.k = k;
  dictionary.encoder_weight = tensors.at(prefix + ".encoder.weight");
  dictionary.encoder_bias = tensors.at(prefix + ".encoder.bias");
  dictionary.decoder_weight = tensors.at(prefix + ".W_dec");
  dictionary.decoder_bias = tensors.at(prefix + ".b_dec");
  return dictionary;
}

Dictionary RandomDictionary(int64_t latents, int64_t width, int64_t k) {
  const at::Generator generator = at::detail::createCPUGenerator(/*seed_val=*/0);
  Dictionary dictionary;
  dictionary.k = k;
  dictionary.decoder_weight = at::randn({latents, width}, generator);
  dictionary.decoder_weight.div_(dictionary.decoder_weight.norm(2, {1}, /*keepdim=*/true));
  dictionary.encoder_weight = dictionary.decoder_weight.clone();
  dictionary.encoder_bias = 0.1 * at::randn({latents}, generator);
  dictionary.decoder_bias = 0.1 * at::randn({width}, generator);
  return dictionary;
}

SparseActivations ActivationsOf(const std::vector<std::vector<int64_t>>& latents_of_rows) {
  SparseActivations activations;
  for (const std::vector<int64_t>& row : latents_of_rows) {
    activations.latents.insert(activations.latents.end(), row.begin(), row.end());
    activations.starts.push_back(static_cast<int64_t>(activations.latents.size()));
  }
  activations.values.assign(activations.latents.size(), 1.0f);
  return activations;
}

}  // namespace seedbed
