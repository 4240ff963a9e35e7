// A TopK dictionary, evaluated by plain operations.
#ifndef SEEDBED_TESTS_SAE_EVALUATION_DICTIONARY_AUTOENCODER_H_
#define SEEDBED_TESTS_SAE_EVALUATION_DICTIONARY_AUTOENCODER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/evaluation/autoencoder.h"

namespace seedbed {

class DictionaryAutoencoder final : public Autoencoder {
 public:
  // The encoder of a transcoder reads x itself, of an autoencoder x - b_dec.
  explicit DictionaryAutoencoder(Dictionary dictionary, bool is_transcoder = false)
      : dictionary_(std::move(dictionary)), is_transcoder_(is_transcoder) {}

  int64_t d_in() const override { return dictionary_.encoder_weight.size(1); }
  int64_t d_out() const override { return dictionary_.decoder_weight.size(1); }
  int64_t latents() const override { return dictionary_.encoder_weight.size(0); }
  absl::StatusOr<Reconstruction> Reconstruct(const at::Tensor& rows) override;

  int64_t most_rows_at_once() const { return most_rows_at_once_; }
  int64_t rows_seen() const { return rows_seen_; }

 private:
  Dictionary dictionary_;
  bool is_transcoder_;
  int64_t most_rows_at_once_ = 0;
  int64_t rows_seen_ = 0;
};

// The tensors PREFIX.encoder.weight, PREFIX.encoder.bias, PREFIX.W_dec and PREFIX.b_dec.
Dictionary DictionaryOf(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix, int64_t k);

// Normally distributed, with unit decoder rows; equal for equal arguments.
Dictionary RandomDictionary(int64_t latents, int64_t width, int64_t k);

// Of rows that have these latents, all with activation 1.
SparseActivations ActivationsOf(const std::vector<std::vector<int64_t>>& latents_of_rows);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_EVALUATION_DICTIONARY_AUTOENCODER_H_
