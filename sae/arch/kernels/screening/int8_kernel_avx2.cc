#include <immintrin.h>

#include <cstring>

#include "sae/arch/kernels/screening/int8_kernel_body.h"

namespace seedbed {
namespace {

struct Avx2 {
  using Ints = __m256i;
  using Bytes = __m256i;
  using Floats = __m256;
  static constexpr int64_t kLanes = 8;

  static Ints Broadcast(int32_t value) { return _mm256_set1_epi32(value); }
  static Floats Broadcast(float value) { return _mm256_set1_ps(value); }
  static Bytes BroadcastFour(const int8_t* from) {
    int32_t four;
    std::memcpy(&four, from, sizeof four);
    return _mm256_set1_epi32(four);
  }
  static Bytes LoadBytes(const uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static Floats Load(const float* from) { return _mm256_loadu_ps(from); }
  static void Store(float* to, Floats values) { _mm256_storeu_ps(to, values); }
  static Floats ToFloats(Ints values) { return _mm256_cvtepi32_ps(values); }
  static Floats MultiplyAdd(Floats a, Floats b, Floats sum) { return _mm256_fmadd_ps(a, b, sum); }
  // Two products of 7 by 7 bits without and with a sign are at most 2 * 127 * 127 < 2^15.
  static Ints AddProducts(Ints sum, Bytes weights, Bytes row) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(weights, row), _mm256_set1_epi16(1)));
  }
};

using Product = Int8Product<Avx2, 4, 2>;

}  // namespace

const Int8Kernel kInt8Avx2 = {4, Product::kLatents, 63, &Product::UpperBounds};

}  // namespace seedbed
