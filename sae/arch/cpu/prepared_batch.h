// A batch as the kernels read it: what the encoder sees and what the decoder is to give, in padded rows.
#ifndef SEEDBED_SAE_ARCH_CPU_PREPARED_BATCH_H_
#define SEEDBED_SAE_ARCH_CPU_PREPARED_BATCH_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "sae/arch/sae_config.h"

namespace seedbed {

// Memory is taken for the largest batch so far and kept. Not thread-safe.
class PreparedBatch {
 public:
  explicit PreparedBatch(const SaeConfig& config);

  // Reads `input` [rows, d_in] and `target` [rows, d_out], which need not outlive the call. `decoder_bias` is padded;
  // `skip_weight` [d_out, d_in] is undefined without a skip connection. Returns the total variance of the target, sum
  // |row - mean|^2; where that is not finite, neither is what was prepared.
  double Prepare(const at::Tensor& input, const at::Tensor& target, const float* decoder_bias,
                 const at::Tensor& skip_weight);

  int64_t rows() const { return rows_; }
  // [rows or more, PaddedWidth(d_in)]: x - b_dec, or x where the config does not centre.
  const at::Tensor& encoder_input() const { return encoder_input_; }
  // [rows]: the norms of its rows.
  const float* input_norms() const;
  // [rows, PaddedWidth(d_out)]: target - b_dec.
  const float* centered_target() const;
  // [rows, PaddedWidth(d_out)]: target - b_dec - W_skip x, what the latents are to give.
  const float* residual() const;

 private:
  void Reserve(int64_t rows);
  bool reads_centered_target() const { return !config_.transcoder && config_.centers_input(); }

  const SaeConfig config_;
  const int64_t input_width_;
  const int64_t target_width_;
  int64_t rows_ = 0;
  int64_t reserved_rows_ = 0;
  at::Tensor mean_;             // [target_width]
  at::Tensor spread_;           // [target_width]
  at::Tensor partial_;          // [pieces, target_width]
  at::Tensor encoder_input_;    // [rows, input_width]
  at::Tensor norms_;            // [rows]
  at::Tensor centered_target_;  // [rows, target_width]; of a centring autoencoder encoder_input itself.
  at::Tensor residual_;         // [rows, target_width]; without a skip connection centered_target itself.
  std::vector<double> piece_sums_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_PREPARED_BATCH_H_
