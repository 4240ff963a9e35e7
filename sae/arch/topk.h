// TopK SAEs on the CPU (Gao et al. 2024, "Scaling and evaluating sparse autoencoders"), after sparsify 1.3.3.
//
// With W_dec's rows of unit norm, for a batch x [B, d]:
//   pre   = (x - b_dec) W_enc^T + b_enc
//   f     = the k largest relu(pre) of each row, 0 elsewhere; among equal ones the lower latent wins
//   x_hat = f W_dec + b_dec
//   e     = x - x_hat
//   loss  = FVU + alpha aux,  FVU = sum e^2 / T,  T = sum (x - mean_B x)^2
// A latent is dead when more than dead_after_tokens rows have passed since it was last among the k of a row; with
// activation 0 that counts, too. With D dead latents and K = floor(d / 2),
//   aux   = min(D / K, 1) sum (e_hat - e)^2 / T
//   e_hat = the min(K, D) largest relu(pre) among the dead latents of each row, times W_dec, without b_dec
// where e is taken as given and no gradient goes to the encoder: from the auxiliary loss only W_dec learns.
// Then the component of W_dec's gradient along each row is removed, and all four parameters take one step of Adam.
//
// One difference to sparsify: a latent kept with activation 0 gets no gradient here, as by the derivative of relu;
// there it gets one. Rows with at least k positive pre-activations, so nearly all, have no such latent.
#ifndef SEEDBED_SAE_ARCH_TOPK_H_
#define SEEDBED_SAE_ARCH_TOPK_H_

#include <memory>

#include "sae/arch/trainable_sae.h"
#include "sae/checkpoint/dictionary.h"

namespace seedbed {

// Starts from `initial`, whose b_dec the first batch replaces by its mean. `config` must be one that MakeTrainableSae
// takes, `initial` of its sizes. Only the encoder's product is dense; all else costs as the active latents do, and
// nothing but that product depends on the number of threads. Memory is taken in the first step and kept.
std::unique_ptr<TrainableSae> MakeTopkSae(const SaeConfig& config, const Dictionary& initial);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_TOPK_H_
