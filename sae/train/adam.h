// Adam (Kingma & Ba 2015) as torch.optim.Adam computes it, without weight decay.
#ifndef SEEDBED_SAE_TRAIN_ADAM_H_
#define SEEDBED_SAE_TRAIN_ADAM_H_

#include <cstdint>

#include "sae/train/optimizer_options.h"

namespace seedbed {

// What one update multiplies by. With the moments m and v after this step's gradient g was mixed in,
//   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,
// the parameter changes by -step_size * m / (sqrt(v) + epsilon). That is torch's
// -lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + 1e-8) with both sides of the fraction multiplied by
// sqrt(1 - beta2^t), which saves a product an element.
struct AdamUpdate {
  float beta1;
  float one_minus_beta1;
  float beta2;
  float one_minus_beta2;
  float step_size;
  float epsilon;
};

// The update of step `step`, counted from 1.
AdamUpdate AdamUpdateAt(const OptimizerOptions& options, int64_t step, double learning_rate);

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_ADAM_H_
