// Rotary position embeddings (Su et al. 2021, arXiv:2104.09864) of pairs that lie beside each other.
#ifndef SEEDBED_SAE_LM_ROTARY_H_
#define SEEDBED_SAE_LM_ROTARY_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/lm/decoder_config.h"

namespace seedbed {

// complex64 [sequence, 1, dimensions / 2]: exp(i * position * frequency). Computed in float32 step by step as
// transformers does, so that long sequences have its rounding too.
at::Tensor RotaryTurns(const RotaryConfig& config, int64_t sequence, at::Device device);

// Reorders, in place, the first `dimensions` rows of every head of `matrix` (contiguous, [heads * d_head, ...]) from
// halves (0..d/2, d/2..d), which transformers turns together, to pairs (0, d/2), (1, d/2 + 1), ... Done to queries and
// keys alike it leaves their products as they are.
void PairRotaryRows(const at::Tensor& matrix, int64_t d_head, int64_t dimensions);

// Multiplies, in place, the pairs of the first dimensions of every head, as complex numbers, with the turns. `heads`:
// [batch, sequence, heads, d_head], float32 or bfloat16, a narrowing to some heads of a dense tensor.
void TurnPairs(const at::Tensor& turns, const at::Tensor& heads);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_ROTARY_H_
