// What screened selections are tested with: random rows and encoders, and every kind of int8 instructions.
#ifndef SEEDBED_TESTS_SAE_ARCH_SCREENING_SCREENING_PROBLEM_H_
#define SEEDBED_TESTS_SAE_ARCH_SCREENING_SCREENING_PROBLEM_H_

#include <cstdint>
#include <ostream>
#include <vector>

#include "common/random.h"
#include "gtest/gtest.h"
#include "sae/arch/kernels/screening/aligned_vector.h"
#include "sae/arch/kernels/screening/int8_kernel.h"

namespace seedbed {

struct Problem {
  Problem(int64_t latents, int64_t width, int64_t rows, int64_t k, uint64_t seed)
      : latents(latents),
        width(width),
        rows(rows),
        k(k),
        encoder(static_cast<size_t>(latents * width)),
        bias(static_cast<size_t>(latents)),
        x(static_cast<size_t>(rows * width)) {
    SplitMix64 random(seed);
    const auto normal = [&] {  // Nearly so.
      double sum = -6;
      for (int i = 0; i < 12; ++i) sum += random.Uniform();
      return static_cast<float>(sum);
    };
    for (float& value : encoder) value = 0.05f * normal();
    for (float& value : bias) value = 0.1f * normal();
    for (float& value : x) value = normal();
  }
  float* encoder_row(int64_t latent) { return encoder.data() + latent * width; }
  float* row(int64_t row) { return x.data() + row * width; }

  int64_t latents;
  int64_t width;
  int64_t rows;
  int64_t k;
  AlignedVector<float> encoder;
  std::vector<float> bias;
  AlignedVector<float> x;
};

inline std::vector<float> RandomNorms(int64_t latents) {
  SplitMix64 random(99);
  std::vector<float> norms(static_cast<size_t>(latents));
  for (float& norm : norms) norm = static_cast<float>(0.25 + random.Uniform());
  return norms;
}

struct KernelCase {
  const char* name;
  const Int8Kernel* kernel;
  bool with_directions;
};

inline void PrintTo(const KernelCase& kernel_case, std::ostream* out) { *out << kernel_case.name; }

inline std::vector<KernelCase> KernelCases() {
  return {{"Avx2", &kInt8Avx2, false},
          {"Avx2WithDirections", &kInt8Avx2, true},
          {"Vnni", &kInt8Avx512Vnni, false},
          {"VnniWithDirections", &kInt8Avx512Vnni, true}};
}

inline bool CanRun(const KernelCase& kernel_case) { return kernel_case.kernel != &kInt8Avx512Vnni || HasAvx512Vnni(); }

// Of one kind of instructions; skips where the CPU doesn't have them.
class ScreeningKernelTest : public testing::TestWithParam<KernelCase> {
 protected:
  void SetUp() override {
    if (!CanRun(GetParam())) GTEST_SKIP() << "this CPU has no AVX-512 VNNI";
  }
};

// Empty = by activation alone.
inline const float* DataOf(const std::vector<float>& norms) { return norms.empty() ? nullptr : norms.data(); }

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_ARCH_SCREENING_SCREENING_PROBLEM_H_
