#include "sae/lm/row_kernels.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>

namespace seedbed {
namespace {

constexpr int64_t kLanes = 8;

// The first `count` lanes, at most all of them.
__m256i FirstLanes(int64_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(std::min(count, kLanes))), lanes);
}

float SumLanes(__m256 v) {
  const __m128 four = _mm256_castps256_ps128(v) + _mm256_extractf128_ps(v, 1);
  const __m128 two = four + _mm_movehl_ps(four, four);
  return _mm_cvtss_f32(two) + _mm_cvtss_f32(_mm_shuffle_ps(two, two, 1));
}

float SumOfSquares(const float* x, int64_t columns) {
  __m256 even = _mm256_setzero_ps();
  __m256 odd = _mm256_setzero_ps();
  int64_t i = 0;
  for (; i + 2 * kLanes <= columns; i += 2 * kLanes) {
    const __m256 first = _mm256_loadu_ps(x + i);
    const __m256 second = _mm256_loadu_ps(x + i + kLanes);
    even = _mm256_fmadd_ps(first, first, even);
    odd = _mm256_fmadd_ps(second, second, odd);
  }
  for (; i < columns; i += kLanes) {
    const __m256 rest = _mm256_maskload_ps(x + i, FirstLanes(columns - i));
    even = _mm256_fmadd_ps(rest, rest, even);
  }
  return SumLanes(_mm256_add_ps(even, odd));
}

// e^x with the range reduction and polynomial of Cephes' expf (S. Moshier), within 2 units in the last place. x is held
// to where the result is a normal number.
__m256 Exp(__m256 x) {
  x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-87.3f)), _mm256_set1_ps(88.3f));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504088896341f)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  // log(2) in two parts, the first of few enough bits for an exact product.
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
  __m256 p = _mm256_set1_ps(1.9875691500e-4f);
  for (const float coefficient :
       {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f}) {
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(coefficient));
  }
  const __m256 fraction = _mm256_add_ps(_mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r), _mm256_set1_ps(1));
  const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(fraction, _mm256_castsi256_ps(exponent));
}

// x * sigmoid(z)
__m256 TimesSigmoid(__m256 x, __m256 z) {
  const __m256 one = _mm256_set1_ps(1);
  return _mm256_div_ps(x, _mm256_add_ps(one, Exp(_mm256_sub_ps(_mm256_setzero_ps(), z))));
}

struct Silu {
  __m256 operator()(__m256 x) const { return TimesSigmoid(x, x); }
};

// x / 2 * (1 + tanh(t)) = x * sigmoid(2 t) with t = sqrt(2 / pi) * (x + 0.044715 x^3)
struct GeluTanh {
  __m256 operator()(__m256 x) const {
    const __m256 cubic = _mm256_fmadd_ps(_mm256_mul_ps(x, x), _mm256_set1_ps(0.044715f), _mm256_set1_ps(1));
    return TimesSigmoid(x, _mm256_mul_ps(_mm256_set1_ps(1.5957691216057308f), _mm256_mul_ps(x, cubic)));
  }
};

template <typename Activation>
void Gate(const float* gate_up, int64_t rows, int64_t columns, float* out) {
  const Activation activation;
  for (int64_t row = 0; row < rows; ++row) {
    const float* gate = gate_up + row * 2 * columns;
    const float* up = gate + columns;
    float* to = out + row * columns;
    int64_t i = 0;
    for (; i + kLanes <= columns; i += kLanes) {
      _mm256_storeu_ps(to + i, _mm256_mul_ps(activation(_mm256_loadu_ps(gate + i)), _mm256_loadu_ps(up + i)));
    }
    if (i == columns) continue;
    const __m256i rest = FirstLanes(columns - i);
    const __m256 gated = activation(_mm256_maskload_ps(gate + i, rest));
    _mm256_maskstore_ps(to + i, rest, _mm256_mul_ps(gated, _mm256_maskload_ps(up + i, rest)));
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
  for (int64_t head = 0; head < heads; ++head) {
    float* x = row + head * d_head;
    int64_t i = 0;
    for (; i + kLanes <= 2 * pairs; i += kLanes) {
      const __m256 value = _mm256_loadu_ps(x + i);
      const __m256 turn = _mm256_loadu_ps(turns + i);
      const __m256 crossed = _mm256_mul_ps(_mm256_permute_ps(value, 0xb1), _mm256_movehdup_ps(turn));
      _mm256_storeu_ps(x + i, _mm256_fmaddsub_ps(value, _mm256_moveldup_ps(turn), crossed));
    }
    for (; i < 2 * pairs; i += 2) {
      const float real = x[i] * turns[i] - x[i + 1] * turns[i + 1];
      x[i + 1] = x[i] * turns[i + 1] + x[i + 1] * turns[i];
      x[i] = real;
    }
  }
}

}  // namespace seedbed
