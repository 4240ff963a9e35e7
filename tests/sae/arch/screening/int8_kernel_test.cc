// The int8 kernels against the same sums written plainly, at the ends of what their operands may be.
#include "sae/arch/kernels/screening/int8_kernel.h"

#include <cmath>
#include <vector>

#include "common/random.h"
#include "gtest/gtest.h"
#include "sae/arch/kernels/screening/aligned_vector.h"
#include "sae/arch/kernels/screening/quantised_row.h"

namespace seedbed {
namespace {

class Int8Kernels : public testing::TestWithParam<const Int8Kernel*> {
 protected:
  void SetUp() override {
    if (GetParam() == &kInt8Avx512Vnni && !HasAvx512Vnni()) GTEST_SKIP() << "this CPU has no AVX-512 VNNI";
  }
};

struct Operands {
  Operands(const Int8Kernel& kernel, int64_t depth, int64_t terms)
      : rows(static_cast<size_t>(kernel.rows * depth)),
        row_scales(static_cast<size_t>(kernel.rows), 1.0f),
        row_starts(static_cast<size_t>(kernel.rows), 0),
        row_terms(static_cast<size_t>(kernel.rows * terms)),
        panel(static_cast<size_t>(kernel.latents * depth)),
        panel_scales(static_cast<size_t>(kernel.latents), 1.0f),
        panel_terms(static_cast<size_t>(kernel.latents * terms)),
        out(static_cast<size_t>(kernel.rows * kernel.latents)),
        tile{rows.data(),  row_scales.data(),   row_starts.data(),  row_terms.data(),
             panel.data(), panel_scales.data(), panel_terms.data(), depth,
             terms,        out.data(),          kernel.latents} {}

  std::vector<int8_t> rows;
  std::vector<float> row_scales;
  std::vector<int32_t> row_starts;
  std::vector<float> row_terms;
  std::vector<uint8_t> panel;
  std::vector<float> panel_scales;
  std::vector<float> panel_terms;
  std::vector<float> out;
  ScreeningTile tile;
};

TEST_P(Int8Kernels, AreExactWhereEveryProductIsTheLargest) {
  const Int8Kernel& kernel = *GetParam();
  constexpr int64_t kDepth = 768;
  for (const int sign : {1, -1}) {
    Operands o(kernel, kDepth, 0);
    std::fill(o.rows.begin(), o.rows.end(), static_cast<int8_t>(127 * sign));
    std::fill(o.panel.begin(), o.panel.end(), static_cast<uint8_t>(2 * kernel.weight_levels + 1));
    kernel.upper_bounds(o.tile);
    const int64_t expected = sign * 127 * (2 * kernel.weight_levels + 1) * kDepth;
    for (const float value : o.out) EXPECT_EQ(value, static_cast<float>(expected));
  }
}

TEST_P(Int8Kernels, EqualPlainSums) {
  const Int8Kernel& kernel = *GetParam();
  constexpr int64_t kDepth = 48;
  constexpr int64_t kTerms = 3;
  SplitMix64 random(1);
  Operands o(kernel, kDepth, kTerms);
  for (int8_t& value : o.rows) value = static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127);
  for (uint8_t& value : o.panel) value = static_cast<uint8_t>(random.Below(2 * kernel.weight_levels + 2));
  for (int32_t& value : o.row_starts) value = static_cast<int32_t>(random.Below(100000)) - 50000;
  for (auto* floats : {&o.row_scales, &o.panel_scales, &o.row_terms, &o.panel_terms}) {
    for (float& value : *floats) value = static_cast<float>(random.Uniform() - 0.5);
  }
  kernel.upper_bounds(o.tile);
  for (int64_t i = 0; i < kernel.rows; ++i) {
    for (int64_t j = 0; j < kernel.latents; ++j) {
      int64_t product = o.row_starts[i];
      for (int64_t q = 0; q < kDepth; ++q) {
        product += o.rows[i * kDepth + q] * o.panel[(q / 4 * kernel.latents + j) * 4 + q % 4];
      }
      double expected = static_cast<double>(o.row_scales[i]) * o.panel_scales[j] * static_cast<double>(product);
      for (int64_t p = 0; p < kTerms; ++p) {
        expected += static_cast<double>(o.row_terms[i * kTerms + p]) * o.panel_terms[p * kernel.latents + j];
      }
      EXPECT_NEAR(o.out[i * kernel.latents + j], expected, 1e-6 * (std::abs(expected) + 2));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Int8Kernels, testing::Values(&kInt8Avx2, &kInt8Avx512Vnni),
                         [](const auto& info) { return info.param == &kInt8Avx2 ? "Avx2" : "Avx512Vnni"; });

TEST(QuantiseRow, LeavesWhatItsNormSays) {
  constexpr int64_t kWidth = 64;
  SplitMix64 random(2);
  for (const float magnitude : {0.0f, 1e-12f, 1.0f, 1e12f}) {
    for (const int32_t levels : {127, 63}) {
      AlignedVector<float> row(kWidth);
      for (float& value : row) value = magnitude * static_cast<float>(random.Uniform() - 0.5);
      row[9] = magnitude;
      const AlignedVector<float> before = row;
      std::vector<int8_t> quantised(kWidth);
      const QuantisedRow result = QuantiseRow(kWidth, levels, row.data(), quantised.data());
      double error = 0, norm = 0;
      int32_t sum = 0;
      for (size_t q = 0; q < kWidth; ++q) {
        const double kept = static_cast<double>(result.scale) * quantised[q];
        error += (before[q] - kept) * (before[q] - kept);
        norm += kept * kept;
        sum += quantised[q];
        EXPECT_LE(std::abs(before[q] - kept), 0.501 * result.scale);
      }
      EXPECT_EQ(result.sum, sum);
      EXPECT_EQ(quantised[9], magnitude == 0 ? 0 : levels);
      EXPECT_GE(result.norm, std::sqrt(norm));
      EXPECT_LE(result.norm, 1.002 * std::sqrt(norm));
      EXPECT_GE(result.error_norm, std::sqrt(error));
      EXPECT_LE(result.error_norm, 1.002 * std::sqrt(error));
    }
  }
}

TEST(LargestMagnitude, IsInfiniteWhereAnElementIsNotFinite) {
  AlignedVector<float> row(48, -2.0f);
  EXPECT_EQ(LargestMagnitude(row.data(), 48), 2);
  for (const size_t at : {0, 20, 47}) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      row[at] = bad;
      EXPECT_EQ(LargestMagnitude(row.data(), 48), std::numeric_limits<float>::infinity());
      row[at] = -2;
    }
  }
}

}  // namespace
}  // namespace seedbed
