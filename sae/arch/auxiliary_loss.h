// AuxK: dead latents learn from what the others leave unexplained (Gao et al. 2024, appendix A.2).
#ifndef SEEDBED_SAE_ARCH_AUXILIARY_LOSS_H_
#define SEEDBED_SAE_ARCH_AUXILIARY_LOSS_H_

#include "ATen/core/Tensor.h"
#include "sae/arch/architecture.h"

namespace seedbed {

// Of the topk family. With D dead latents, K = min(auxiliary_width, D), e = target - x_hat taken as given, z the K
// largest activations among the dead latents of each row and e_hat = z W_dec, without b_dec:
//   sparsify             min(D / auxiliary_width, 1) sum (e_hat - e)^2 / total variance; no gradient to the encoder,
//                        as sparsify's FusedEncoder passes none on
//   SAELens              min(D / auxiliary_width, 1) mean_B sum (e_hat - e)^2; z are pre-activations, also below 0,
//                        that are ranked by pre |W_dec[i]|
//   dictionary_learning  mean_B sum (e_hat - e)^2 / mean_B sum (e - mean_B e)^2; 0 where that is not a number
// Dead are latents that had not fired for more than dead_after_tokens rows before this batch; in dictionary_learning
// for at least so many, this batch counted in.
//
// `pre` [B, n]: pre-activations with their bias. `reconstruction`: x_hat. Undefined where auxiliary_alpha is 0.
at::Tensor AuxiliaryLoss(const LossInput& in, const at::Tensor& pre, const at::Tensor& reconstruction,
                         const at::Tensor& fired);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_AUXILIARY_LOSS_H_
