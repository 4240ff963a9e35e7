// Which optimiser, and its constants.
#ifndef SEEDBED_SAE_TRAIN_OPTIMIZER_OPTIONS_H_
#define SEEDBED_SAE_TRAIN_OPTIMIZER_OPTIONS_H_

namespace seedbed {

enum class OptimizerKind {
  kAdam,    // Kingma & Ba 2015, as torch.optim.Adam without weight decay.
  kSignum,  // Sign descent (Bernstein et al. 2018) with schedule-free averaging (Defazio et al. 2024), as in sparsify.
};

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdam;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double momentum = 0.95;  // Of Signum.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_OPTIMIZER_OPTIONS_H_
