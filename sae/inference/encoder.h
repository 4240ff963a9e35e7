// What a trained dictionary makes of activations, as sae/checkpoint/dictionary.h defines it for every architecture.
//
// All functions run on the CPU in float32, on LibTorch's threads, and are thread-safe. Rows are taken in tiles, so that
// pre-activations of a whole batch never exist: memory is O(active latents) besides one tile.
#ifndef SEEDBED_SAE_INFERENCE_ENCODER_H_
#define SEEDBED_SAE_INFERENCE_ENCODER_H_

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/inference/sparse_activations.h"

namespace seedbed {

// f of every row of `x`, [rows, d_in]. The dictionary is a valid one (CheckDictionary). Of equal activations topk takes
// the latent with the lower index. INVALID_ARGUMENT for another shape or type of `x`, or a value that is not finite.
absl::StatusOr<SparseActivations> Encode(const Dictionary& dictionary, const at::Tensor& x);

// x_hat, [rows, d_out], of what Encode gave for `x`, which a skip connection reads. INVALID_ARGUMENT as above, or when
// `x` has other rows.
absl::StatusOr<at::Tensor> Decode(const Dictionary& dictionary, const SparseActivations& activations,
                                  const at::Tensor& x);

// Encode and Decode.
absl::StatusOr<at::Tensor> Reconstruct(const Dictionary& dictionary, const at::Tensor& x);

}  // namespace seedbed

#endif  // SEEDBED_SAE_INFERENCE_ENCODER_H_
