// What the losses of several architectures have in common.
#ifndef SEEDBED_SAE_ARCH_LOSS_TERMS_H_
#define SEEDBED_SAE_ARCH_LOSS_TERMS_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/architecture.h"

namespace seedbed {

// a b in the config's compute type, as the type of `a`.
at::Tensor Product(const at::Tensor& a, const at::Tensor& b, ComputeType compute);

// [B, d_in]: what the encoder reads, x - b_dec or x.
at::Tensor EncoderInput(const LossInput& in);

// [B, n]: EncoderInput W_enc^T, without a bias.
at::Tensor EncoderProduct(const LossInput& in);

// [B, d_out]: f W_dec + b_dec, and W_skip x where there is a skip connection.
at::Tensor Decode(const LossInput& in, const at::Tensor& activations);

// [n]: |W_dec[i]|.
at::Tensor DecoderNorms(const LossInput& in);

// sum e^2 of a row, mean over rows.
at::Tensor MeanSquaredError(const at::Tensor& target, const at::Tensor& reconstruction);

// sum of a row, mean over rows.
at::Tensor MeanOfRowSums(const at::Tensor& values);

// bool [B, n]: the k largest of each row; among equal ones the lower index wins.
at::Tensor LargestOfRows(const at::Tensor& values, int64_t k);

// bool [B, n]: the `count` largest of all; among equal ones the earlier row, then the lower index wins.
at::Tensor LargestOfAll(const at::Tensor& values, int64_t count);

// bool [n]: not 0 in some row.
at::Tensor FiredLatents(const at::Tensor& activations);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_LOSS_TERMS_H_
