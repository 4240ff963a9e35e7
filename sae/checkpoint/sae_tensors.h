// The tensors that make up an SAE, whatever its architecture.
#ifndef SEEDBED_SAE_CHECKPOINT_SAE_TENSORS_H_
#define SEEDBED_SAE_CHECKPOINT_SAE_TENSORS_H_

#include "ATen/core/Tensor.h"

namespace seedbed {

// Parameters, gradients by them, or moments. A tensor that the architecture does not have is undefined. n latents read
// d_in values and reconstruct d_out.
struct SaeTensors {
  at::Tensor encoder_weight;  // [n, d_in]
  at::Tensor encoder_bias;    // [n]; gated has two others instead.
  at::Tensor decoder_weight;  // [n, d_out]
  at::Tensor decoder_bias;    // [d_out]
  at::Tensor gate_bias;       // [n], gated.
  at::Tensor magnitude_bias;  // [n], gated.
  at::Tensor log_magnitude;   // [n], gated: r_mag.
  at::Tensor threshold;       // [n], jumprelu; also what batchtopk and matryoshka encode with after training.
  at::Tensor skip_weight;     // [d_out, d_in], with a skip connection.
};

// A member of SaeTensors with its name in errors and files.
struct SaeTensorField {
  const char* name;
  at::Tensor SaeTensors::*member;
};

inline constexpr SaeTensorField kSaeTensorFields[] = {
    {"encoder_weight", &SaeTensors::encoder_weight}, {"encoder_bias", &SaeTensors::encoder_bias},
    {"decoder_weight", &SaeTensors::decoder_weight}, {"decoder_bias", &SaeTensors::decoder_bias},
    {"gate_bias", &SaeTensors::gate_bias},           {"magnitude_bias", &SaeTensors::magnitude_bias},
    {"log_magnitude", &SaeTensors::log_magnitude},   {"threshold", &SaeTensors::threshold},
    {"skip_weight", &SaeTensors::skip_weight},
};

// `member` is one of kSaeTensorFields.
inline const char* NameOf(at::Tensor SaeTensors::*member) {
  const SaeTensorField* field = kSaeTensorFields;
  while (field->member != member) ++field;
  return field->name;
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_SAE_TENSORS_H_
