#include <immintrin.h>

#include <cstring>

#include "sae/arch/kernels/screening/int8_kernel_body.h"

namespace seedbed {
namespace {

struct Avx512Vnni {
  using Ints = __m512i;
  using Bytes = __m512i;
  using Floats = __m512;
  static constexpr int64_t kLanes = 16;

  static Ints Broadcast(int32_t value) { return _mm512_set1_epi32(value); }
  static Floats Broadcast(float value) { return _mm512_set1_ps(value); }
  static Bytes BroadcastFour(const int8_t* from) {
    int32_t four;
    std::memcpy(&four, from, sizeof four);
    return _mm512_set1_epi32(four);
  }
  static Bytes LoadBytes(const uint8_t* from) { return _mm512_loadu_si512(from); }
  static Floats Load(const float* from) { return _mm512_loadu_ps(from); }
  static void Store(float* to, Floats values) { _mm512_storeu_ps(to, values); }
  // Masked, since GCC 12 takes the unmasked one's undefined destination for a mistake of ours.
  static Floats ToFloats(Ints values) { return _mm512_maskz_cvtepi32_ps(0xFFFF, values); }
  static Floats MultiplyAdd(Floats a, Floats b, Floats sum) { return _mm512_fmadd_ps(a, b, sum); }
  // The instruction's first operand has no sign, the second has. Not the intrinsic, of which GCC 12 makes a copy of
  // every sum.
  static Ints AddProducts(Ints sum, Bytes weights, Bytes row) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(weights), "v"(row));
    return sum;
  }
};

using Product = Int8Product<Avx512Vnni, 8, 3>;

}  // namespace

const Int8Kernel kInt8Avx512Vnni = {8, Product::kLatents, 127, &Product::UpperBounds};

}  // namespace seedbed
