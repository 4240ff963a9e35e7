#include <immintrin.h>

#include <cstring>

#include "sae/match/int8_products_body.h"

namespace seedbed {
namespace {

struct Avx2 {
  using Ints = __m256i;
  using Bytes = __m256i;
  static constexpr int64_t kLanes = 8;

  static Ints Broadcast(int32_t value) { return _mm256_set1_epi32(value); }
  static Bytes BroadcastFour(const int8_t* from) {
    int32_t four;
    std::memcpy(&four, from, sizeof four);
    return _mm256_set1_epi32(four);
  }
  static Bytes LoadBytes(const uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  // |column| times the row's element with the column's sign. Two such products are at most 2 * 127 * 127 < 2^15, so
  // vpmaddubsw does not saturate.
  static Ints AddProducts(Ints sum, Bytes columns, Bytes row) {
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(columns), _mm256_sign_epi8(row, columns));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static void StoreScaled(float* to, Ints sums, float row_scale, const float* scales) {
    const __m256 scale = _mm256_mul_ps(_mm256_set1_ps(row_scale), _mm256_loadu_ps(scales));
    _mm256_storeu_ps(to, _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale));
  }
};

using Product = Int8TileProduct<Avx2, 4, 2>;

}  // namespace

const Int8Products kProductsAvx2 = {"avx2", 4, Product::kColumns, 0, &Product::Multiply};

}  // namespace seedbed
