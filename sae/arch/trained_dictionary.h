// From what was trained to what encodes afterwards.
#ifndef SEEDBED_SAE_ARCH_TRAINED_DICTIONARY_H_
#define SEEDBED_SAE_ARCH_TRAINED_DICTIONARY_H_

#include "absl/status/statusor.h"
#include "sae/arch/sae_config.h"
#include "sae/checkpoint/dictionary.h"

namespace seedbed {

// A copy on the CPU. `threshold` is that of batchtopk and matryoshka, in the units that they rank by. In SAELens'
// convention those two and topk rank by relu(pre) |W_dec[i]|: their decoder gets unit rows and their encoder those
// norms, which changes neither what is kept nor x_hat (SAELens' fold_W_dec_norm).
Dictionary TrainedDictionary(const SaeConfig& config, const SaeTensors& parameters, double threshold);

// The parameters that continue `dictionary`: a copy without the threshold of batchtopk and matryoshka.
// INVALID_ARGUMENT naming what does not fit the config: the architecture, a size, the centring of inputs.
absl::StatusOr<SaeTensors> ParametersFrom(const SaeConfig& config, const Dictionary& dictionary);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_TRAINED_DICTIONARY_H_
