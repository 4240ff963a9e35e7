// The auxiliary loss of the topk family in kernels (sae/arch/auxiliary_loss.h has its formulas).
#ifndef SEEDBED_SAE_ARCH_CPU_AUXILIARY_PASS_H_
#define SEEDBED_SAE_ARCH_CPU_AUXILIARY_PASS_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "sae/arch/cpu/firing_record.h"
#include "sae/arch/kernels/decode.h"
#include "sae/arch/kernels/latent_gradient.h"
#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/row_selection.h"
#include "sae/arch/sae_config.h"

namespace seedbed {

// What a batch left unexplained.
struct ReconstructionError {
  const float* gradient;  // [rows, width]: dL/dx_hat = -scale e.
  float scale;
  double total_variance;  // Of the target.
};

// Of one step after the other. Memory is kept. Not thread-safe.
class AuxiliaryPass {
 public:
  explicit AuxiliaryPass(const SaeConfig& config);

  // Whether which latents are dead depends on what this batch's rows keep, so that they are selected after it, from
  // pre-activations of their own.
  bool follows_selection() const { return config_.convention == Convention::kDictionaryLearning; }

  // Finds the dead latents, none where there is no auxiliary loss. What fired must have been marked where this follows
  // the selection.
  void Begin(const FiringRecord& firing, int64_t rows);
  // Whether there are dead latents in this step.
  bool is_active() const { return !dead_.empty(); }

  // Of rows with the pre-activations of all latents. `norms` as in SelectLargest.
  void Select(const PreActivations& pre, const float* norms, std::vector<SelectionScratch>* threads);

  // The same from a product of its own: `encoder_input` [rows, width] with the dead latents' rows of `encoder`
  // [latents, width]. `gathered` is scratch of encoder's shape, `pre` of the pre-activations of rows_in_tile rows.
  void SelectFromProduct(const at::Tensor& encoder_input, const at::Tensor& encoder, const float* bias,
                         const float* norms, const at::Tensor& gathered, const at::Tensor& pre, int64_t rows_in_tile,
                         std::vector<SelectionScratch>* threads);

  // The loss and its gradients. Returns the auxiliary loss without its weight.
  double Run(const ReconstructionError& error, const float* decoder, int64_t width, const float* input_norms,
             std::vector<DecodeSums>* pieces);

  // Of Run: bounds on gradients. Zero while no latent is dead.
  const DecodeSums& sums() const { return sums_; }

  // Of Run, while there are dead latents. By pre-activations and by W_enc where the encoder learns.
  bool teaches_encoder() const { return config_.convention != Convention::kSparsify; }
  const LatentEntries& by_latent() const { return by_latent_; }
  SparseGradient EncoderGradient(const at::Tensor& encoder_input) const;
  SparseGradient DecoderGradient() const;

 private:
  int64_t kept() const;
  // Whether pre-activations below 0 are kept, too.
  bool keeps_negative() const { return config_.convention == Convention::kSaeLens; }
  double Weight(const ReconstructionError& error, int64_t width);
  double ErrorVariance(const ReconstructionError& error, int64_t width);

  const SaeConfig config_;
  std::vector<uint32_t> dead_;
  RowEntries entries_;
  LatentEntries by_latent_;
  DecodeSums sums_;
  at::Tensor gradient_;  // [rows, width]: dL/de_hat.
  // Of dictionary_learning's normalisation.
  at::Tensor partial_;  // [pieces, width]
  at::Tensor mean_;     // [width]
  std::vector<double> piece_sums_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_AUXILIARY_PASS_H_
