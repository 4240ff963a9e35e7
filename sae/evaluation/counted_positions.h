// At which positions a language model's predictions are measured.
#ifndef SEEDBED_SAE_EVALUATION_COUNTED_POSITIONS_H_
#define SEEDBED_SAE_EVALUATION_COUNTED_POSITIONS_H_

#include "ATen/core/Tensor.h"
#include "sae/activations/sequences/sequence_source.h"

namespace seedbed {

// Those whose row is kept and that are not the last of their sequence, which predicts nothing. int64, ascending:
// places in LanguageModel::CrossEntropy's result [sequences, sequence_length - 1], flattened.
at::Tensor CountedPositions(const MicroBatch& micro_batch);

}  // namespace seedbed

#endif  // SEEDBED_SAE_EVALUATION_COUNTED_POSITIONS_H_
