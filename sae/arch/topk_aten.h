// TopK SAEs from plain ATen operations, on any device: the definition in topk.h, with dense products. What CUDA runs,
// and what the kernels of the CPU are tested against.
#ifndef SEEDBED_SAE_ARCH_TOPK_ATEN_H_
#define SEEDBED_SAE_ARCH_TOPK_ATEN_H_

#include <cstdint>
#include <memory>

#include "ATen/core/Tensor.h"
#include "sae/arch/trainable_sae.h"
#include "sae/checkpoint/dictionary.h"

namespace seedbed {

// Parameters, or gradients by them, or their moments. Any floating type, all on one device.
struct TopkTensors {
  at::Tensor encoder_weight;  // [n, d]
  at::Tensor encoder_bias;    // [n]
  at::Tensor decoder_weight;  // [n, d]
  at::Tensor decoder_bias;    // [d]
};

struct TopkLoss {
  at::Tensor total_variance;  // Scalar.
  at::Tensor squared_error;   // Scalar: FVU times the total variance.
  at::Tensor auxiliary;       // Scalar, without alpha.
  at::Tensor kept;            // Bool [n]: among the k of some row.
  at::Tensor active;          // Scalar: positive activations.
  TopkTensors gradients;      // Of FVU + alpha auxiliary; W_dec's before its component along the rows is removed.
};

// `dead` is bool [n]; the auxiliary loss is left out where it is undefined. Without atomics, so a device gives the
// same bytes each time where its products do.
TopkLoss ComputeTopkLoss(const TopkTensors& parameters, const at::Tensor& batch, int64_t k, const at::Tensor& dead,
                         double auxiliary_alpha);

// As MakeTopkSae, on `device`.
std::unique_ptr<TrainableSae> MakeTopkAtenSae(const SaeConfig& config, const Dictionary& initial, at::Device device);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_TOPK_ATEN_H_
