// What a decoder does to rows of activations between its matrix products.
#ifndef SEEDBED_SAE_LM_ROW_OPERATIONS_H_
#define SEEDBED_SAE_LM_ROW_OPERATIONS_H_

#include "ATen/core/Tensor.h"
#include "sae/lm/decoder_config.h"

namespace seedbed {

// The factors of a norm: float32 [columns], on the model's device. An undefined weight is all ones, an undefined bias
// all zeros.
struct NormWeights {
  at::Tensor weight;
  at::Tensor bias;
};

// out = norm(x) * weight + bias over each row. x, out: [rows, columns], dense, float32 or bfloat16, on any device;
// computed in float32. `out` may be `x`.
void Normalize(NormKind kind, double epsilon, const NormWeights& weights, const at::Tensor& x, const at::Tensor& out);

// x * weight + bias, new.
at::Tensor ScaleAndShift(const NormWeights& weights, const at::Tensor& x);

// x = activation(x). x: dense, float32 or bfloat16.
void Activate(Activation activation, const at::Tensor& x);

// out = activation(gate) * up. gate_up: [rows, 2 * columns], gate first; out: [rows, columns]; both dense.
void ActivateGated(Activation activation, const at::Tensor& gate_up, const at::Tensor& out);

// x = cap * tanh(x / cap); nothing where cap is 0.
void SoftCap(double cap, const at::Tensor& x);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_ROW_OPERATIONS_H_
