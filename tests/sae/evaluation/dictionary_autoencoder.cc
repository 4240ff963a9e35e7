#include "tests/sae/evaluation/dictionary_autoencoder.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <tuple>

namespace seedbed {

absl::StatusOr<Reconstruction> DictionaryAutoencoder::Reconstruct(const at::Tensor& rows) {
  most_rows_at_once_ = std::max(most_rows_at_once_, rows.size(0));
  rows_seen_ += rows.size(0);
  const at::Tensor inputs = is_transcoder_ ? rows : rows - dictionary_.decoder_bias;
  const at::Tensor pre_activations = at::relu(at::linear(inputs, dictionary_.encoder_weight, dictionary_.encoder_bias));
  const auto [activations, latents] = at::topk(pre_activations, dictionary_.k, 1);
  const at::Tensor sparse = at::zeros_like(pre_activations).scatter(1, latents, activations);
  Reconstruction reconstruction;
  reconstruction.code.offsets = at::arange(rows.size(0) + 1, at::kLong) * dictionary_.k;
  reconstruction.code.latents = latents.reshape(-1);
  reconstruction.code.activations = activations.reshape(-1);
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

SparseCode CodeOf(const std::vector<std::vector<int64_t>>& latents_of_rows) {
  std::vector<int64_t> offsets = {0};
  std::vector<int64_t> latents;
  for (const std::vector<int64_t>& row : latents_of_rows) {
    latents.insert(latents.end(), row.begin(), row.end());
    offsets.push_back(static_cast<int64_t>(latents.size()));
  }
  SparseCode code;
  code.offsets = at::tensor(offsets, at::kLong);
  code.latents = at::tensor(latents, at::kLong);
  code.activations = at::ones({code.latents.numel()}, at::kFloat);
  return code;
}

}  // namespace seedbed
