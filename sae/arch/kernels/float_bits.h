// Floats by their bits: those at or above 0 are ordered as these are.
#ifndef SEEDBED_SAE_ARCH_KERNELS_FLOAT_BITS_H_
#define SEEDBED_SAE_ARCH_KERNELS_FLOAT_BITS_H_

#include <cstdint>
#include <cstring>

namespace seedbed {

inline uint32_t BitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float FloatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_FLOAT_BITS_H_
