#include "sae/lm/row_kernels.h"

#include <cmath>

#include "sae/lm/vector_math.h"

namespace seedbed {
namespace {

using Floats = FloatVector<8>::Type;
using Integers = int __attribute__((vector_size(sizeof(Floats))));
constexpr int64_t kLanes = kLanesOf<Floats>;

float SumLanes(const Floats& v) {
  float sum = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) sum += v[lane];
  return sum;
}

float SumOfSquares(const float* x, int64_t columns) {
  Floats even = {};
  Floats odd = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= columns; i += 2 * kLanes) {
    const auto first = Load<Floats>(x + i);
    const auto second = Load<Floats>(x + i + kLanes);
    even += first * first;
    odd += second * second;
  }
  for (; i + kLanes <= columns; i += kLanes) even += Load<Floats>(x + i) * Load<Floats>(x + i);
  const auto rest = LoadFirst<Floats>(x + i, columns - i);
  return SumLanes(even + odd + rest * rest);
}

// x * sigmoid(z)
Floats TimesSigmoid(const Floats& x, const Floats& z) { return x / (1 + Exp(-z)); }

Floats Silu(const Floats& x) { return TimesSigmoid(x, x); }

// x / 2 * (1 + tanh(t)) = x * sigmoid(2 t) with t = sqrt(2 / pi) * (x + 0.044715 x^3)
Floats GeluTanh(const Floats& x) { return TimesSigmoid(x, 1.5957691216057308f * x * (x * x * 0.044715f + 1)); }

template <Floats (*kActivation)(const Floats&)>
void Gate(const float* gate_up, int64_t rows, int64_t columns, float* out) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* gate = gate_up + row * 2 * columns;
    const float* up = gate + columns;
    float* to = out + row * columns;
    int64_t i = 0;
    for (; i + kLanes <= columns; i += kLanes) {
      Store(kActivation(Load<Floats>(gate + i)) * Load<Floats>(up + i), to + i);
    }
    const int64_t rest = columns - i;
    StoreFirst(kActivation(LoadFirst<Floats>(gate + i, rest)) * LoadFirst<Floats>(up + i, rest), rest, to + i);
  }
}

}  // namespace

void StandardizeRms(const float* x, int64_t rows, int64_t columns, float epsilon, float* out) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = x + row * columns;
    float* to = out + row * columns;
    const float mean = SumOfSquares(from, columns) / static_cast<float>(columns);
    const float scale = 1 / std::sqrt(mean + epsilon);
    for (int64_t i = 0; i < columns; ++i) to[i] = from[i] * scale;
  }
}

void GateSilu(const float* gate_up, int64_t rows, int64_t columns, float* out) {
  Gate<Silu>(gate_up, rows, columns, out);
}

void GateGeluTanh(const float* gate_up, int64_t rows, int64_t columns, float* out) {
  Gate<GeluTanh>(gate_up, rows, columns, out);
}

void TurnHeads(const float* turns, int64_t pairs, int64_t heads, int64_t d_head, float* row) {
  constexpr Integers kSwapped = {1, 0, 3, 2, 5, 4, 7, 6};
  constexpr Integers kReal = {0, 0, 2, 2, 4, 4, 6, 6};
  constexpr Integers kImaginary = {1, 1, 3, 3, 5, 5, 7, 7};
  constexpr Floats kSigns = {-1, 1, -1, 1, -1, 1, -1, 1};
  for (int64_t head = 0; head < heads; ++head) {
    float* x = row + head * d_head;
    int64_t i = 0;
    for (; i + kLanes <= 2 * pairs; i += kLanes) {
      const auto value = Load<Floats>(x + i);
      const auto turn = Load<Floats>(turns + i);
      const Floats crossed = __builtin_shuffle(value, kSwapped) * __builtin_shuffle(turn, kImaginary);
      Store(value * __builtin_shuffle(turn, kReal) + kSigns * crossed, x + i);
    }
    for (; i < 2 * pairs; i += 2) {
      const float real = x[i] * turns[i] - x[i + 1] * turns[i + 1];
      x[i + 1] = x[i] * turns[i + 1] + x[i + 1] * turns[i];
      x[i] = real;
    }
  }
}

}  // namespace seedbed
