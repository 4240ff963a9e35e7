// What row_operations.h and rotary.h do, for float32 in memory, eight lanes at a time. Knows no LibTorch. A range of
// rows a call, so that threads can share the rows; the bytes of a row depend on nothing else.
#ifndef SEEDBED_SAE_LM_ROW_KERNELS_H_
#define SEEDBED_SAE_LM_ROW_KERNELS_H_

#include <cstdint>

namespace seedbed {

// out = x / sqrt(mean(x^2) + epsilon) for each row of `columns`. `out` may be `x`.
void StandardizeRms(const float* x, int64_t rows, int64_t columns, float epsilon, float* out);

// out = silu(gate) * up. gate_up: [rows, 2 * columns], gate first; out: [rows, columns].
void GateSilu(const float* gate_up, int64_t rows, int64_t columns, float* out);

// The same with GELU's approximation by tanh.
void GateGeluTanh(const float* gate_up, int64_t rows, int64_t columns, float* out);

// Multiplies pairs (a complex number each) in place with those of `turns`: `pairs` of them at the start of each of the
// `heads` heads, which lie `d_head` apart.
void TurnHeads(const float* turns, int64_t pairs, int64_t heads, int64_t d_head, float* row);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_ROW_KERNELS_H_
