// Arithmetic on several floats at once, in the compiler's vector types; `Floats` is one of FloatVector. Its width must
// be one that the file is compiled for.
#ifndef SEEDBED_SAE_LM_VECTOR_MATH_H_
#define SEEDBED_SAE_LM_VECTOR_MATH_H_

#include <cstdint>
#include <cstring>

namespace seedbed {

template <int kLanes>
struct FloatVector {
  typedef float Type __attribute__((vector_size(kLanes * sizeof(float))));
};

template <typename Floats>
inline constexpr int64_t kLanesOf = sizeof(Floats) / sizeof(float);

template <typename Floats>
inline Floats Load(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

template <typename Floats>
inline void Store(const Floats& values, float* to) {
  std::memcpy(to, &values, sizeof values);
}

// The first `count` floats; zeros in the other lanes.
template <typename Floats>
inline Floats LoadFirst(const float* from, int64_t count) {
  Floats values = {};
  std::memcpy(&values, from, static_cast<size_t>(count) * sizeof(float));
  return values;
}

template <typename Floats>
inline void StoreFirst(const Floats& values, int64_t count, float* to) {
  std::memcpy(to, &values, static_cast<size_t>(count) * sizeof(float));
}

template <typename Floats>
inline Floats Broadcast(float value) {
  return value - Floats{};
}

// e^x with the range reduction and polynomial of Cephes' expf (S. Moshier), within 2 units in the last place. x is held
// to where the result is a normal number.
template <typename Floats>
inline Floats Exp(Floats x) {
  typedef int32_t Integers __attribute__((vector_size(sizeof(Floats))));
  constexpr float kToInteger = 12582912;  // 1.5 * 2^23: adding it leaves no bits for a fraction.
  x = x < -87.3f ? Broadcast<Floats>(-87.3f) : x;
  x = x > 88.3f ? Broadcast<Floats>(88.3f) : x;
  const Floats n = (x * 1.44269504088896341f + kToInteger) - kToInteger;
  // log(2) in two parts, the first of few enough bits for an exact product.
  const Floats r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Floats p = Broadcast<Floats>(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const Floats fraction = p * (r * r) + r + 1;
  const Integers exponent = (__builtin_convertvector(n, Integers) + 127) << 23;
  Floats power;
  std::memcpy(&power, &exponent, sizeof power);
  return fraction * power;
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_VECTOR_MATH_H_
