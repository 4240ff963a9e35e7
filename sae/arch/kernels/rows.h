// Arithmetic on rows of float32 matrices.
//
// Every row has `width` elements, a multiple of kRowAlignment, and begins at a multiple of 64 bytes: a matrix of d
// columns is stored with PaddedWidth(d) of them, the last ones 0, which changes no sum. Sums are formed in one fixed
// order. Pointers must not overlap. Pure functions of what they are given; thread-safe.
#ifndef SEEDBED_SAE_ARCH_KERNELS_ROWS_H_
#define SEEDBED_SAE_ARCH_KERNELS_ROWS_H_

#include <cstdint>

#include "sae/train/optimizer_update.h"

namespace seedbed {

inline constexpr int64_t kRowAlignment = 16;

// A product that is part of <a, b>, as Dot and DotRows sum it, is rounded at most so often on its way to the result: the
// float32 dot product is off by no more than about DotRoundings(width) 2^-24 |a| |b|.
constexpr int64_t DotRoundings(int64_t width) { return width / kRowAlignment + 8; }

constexpr int64_t PaddedWidth(int64_t d) { return (d + kRowAlignment - 1) / kRowAlignment * kRowAlignment; }

// Rows chosen from a matrix, each with a weight: row rows[i] with weights[i].
struct WeightedRows {
  const uint32_t* rows;
  const float* weights;
  int64_t count;
};

// sum = sum_i weights[i] * matrix[rows[i]], added in the order of i.
void SumRows(const WeightedRows& chosen, const float* matrix, int64_t width, float* sum);

// The same, on top of what `sum` holds.
void AddRows(const WeightedRows& chosen, const float* matrix, int64_t width, float* sum);

// dots[i] = <row, matrix[rows[i]]>.
void DotRows(const float* row, const uint32_t* rows, int64_t count, const float* matrix, int64_t width, float* dots);

float Dot(const float* a, const float* b, int64_t width);

// |a - b|^2.
float SquaredDistance(const float* a, const float* b, int64_t width);

// a += scale * b.
void AddScaled(const float* b, float scale, int64_t width, float* a);

// With error = sum - target_scale * target: sum becomes scale * error. Returns |error|^2.
float ScaledError(const float* target, float target_scale, float scale, int64_t width, float* sum);

// One Adam update of a row of parameters and of its moments.
void AdamRow(const AdamUpdate& update, const float* gradient, int64_t width, float* parameter, float* moment1,
             float* moment2);

// row /= |row| + the machine epsilon of float32, as sparsify does it.
void NormalizeRow(int64_t width, float* row);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_ROWS_H_
