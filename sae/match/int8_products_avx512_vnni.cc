#include <immintrin.h>

#include <cstring>

#include "sae/match/int8_products_body.h"

namespace seedbed {
namespace {

struct Avx512Vnni {
  using Ints = __m512i;
  using Bytes = __m512i;
  static constexpr int64_t kLanes = 16;

  static Ints Broadcast(int32_t value) { return _mm512_set1_epi32(value); }
  static Bytes BroadcastFour(const int8_t* from) {
    int32_t four;
    std::memcpy(&four, from, sizeof four);
    return _mm512_set1_epi32(four);
  }
  static Bytes LoadBytes(const uint8_t* from) { return _mm512_loadu_si512(from); }
  // The instruction's first operand has no sign, the second has. Not the intrinsic, of which GCC 12 makes a copy of
  // every sum.
  static Ints AddProducts(Ints sum, Bytes columns, Bytes row) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(columns), "v"(row));
    return sum;
  }
  static void StoreScaled(float* to, Ints sums, float row_scale, const float* scales) {
    const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(row_scale), _mm512_loadu_ps(scales));
    // Masked, since GCC 12 takes the unmasked one's undefined destination for a mistake of ours.
    _mm512_storeu_ps(to, _mm512_mul_ps(_mm512_maskz_cvtepi32_ps(0xFFFF, sums), scale));
  }
};

using Product = Int8TileProduct<Avx512Vnni, 8, 3>;

}  // namespace

const Int8Products kProductsAvx512Vnni = {"avx512_vnni", 8, Product::kColumns, 128, &Product::Multiply};

}  // namespace seedbed
