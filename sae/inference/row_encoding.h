// From the products W_enc c of one row to its active latents.
#ifndef SEEDBED_SAE_INFERENCE_ROW_ENCODING_H_
#define SEEDBED_SAE_INFERENCE_ROW_ENCODING_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "sae/arch/kernels/top_k.h"
#include "sae/checkpoint/dictionary.h"

namespace seedbed {

// Where the active latents of a row are appended, in ascending order, with activations above 0.
struct ActiveLatents {
  std::vector<uint32_t>* latents;
  std::vector<float>* values;
};

// One thread's scratch memory for topk; for others nothing is needed.
struct EncodingScratch {
  explicit EncodingScratch(const Dictionary& dictionary);
  TopKScratch top_k;
  std::vector<uint32_t> latents;  // [k]
  std::vector<float> values;      // [k]
};

// The rule of one dictionary, whose tensors it shares. Immutable, thread-safe.
class RowEncoding {
 public:
  explicit RowEncoding(const Dictionary& dictionary);

  // `products` is W_enc c, [n].
  void Select(const float* products, EncodingScratch* scratch, const ActiveLatents& active) const;

 private:
  enum class Rule { kTopK, kRelu, kThreshold, kGated };

  void SelectTopK(const float* products, EncodingScratch* scratch, const ActiveLatents& active) const;
  void SelectRelu(const float* products, const ActiveLatents& active) const;
  void SelectAboveThreshold(const float* products, const ActiveLatents& active) const;
  void SelectGated(const float* products, const ActiveLatents& active) const;

  Rule rule_;
  int64_t latents_;
  int64_t k_;
  at::Tensor encoder_bias_;
  at::Tensor threshold_;
  at::Tensor gate_bias_;
  at::Tensor magnitude_bias_;
  at::Tensor magnitude_;  // exp(r_mag)
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_INFERENCE_ROW_ENCODING_H_
