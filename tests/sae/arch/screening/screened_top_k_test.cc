// The screened selection is that of all dot products, bit by bit, whatever the numbers are and however few are
// computed.
#include "sae/arch/kernels/screening/screened_top_k.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "absl/cleanup/cleanup.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/top_k.h"
#include "tests/sae/arch/screening/screening_problem.h"

namespace seedbed {
namespace {

using ::testing::ElementsAreArray;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Selection {
  explicit Selection(const Problem& p)
      : latents(static_cast<size_t>(p.rows * p.k), 12345),
        values(static_cast<size_t>(p.rows * p.k), -1),
        counts(static_cast<size_t>(p.rows), -1) {}
  std::vector<uint32_t> latents;
  std::vector<float> values;
  std::vector<int32_t> counts;
};

Selection FromAllDots(const Problem& p, const std::vector<float>& norms = {}) {
  Selection selection(p);
  std::vector<uint32_t> all(static_cast<size_t>(p.latents));
  std::iota(all.begin(), all.end(), 0u);
  std::vector<float> dots(all.size());
  std::vector<float> ranks(all.size());
  const std::vector<float> zeros(all.size(), 0.0f);
  TopKScratch scratch(p.latents, p.k);
  for (int64_t row = 0; row < p.rows; ++row) {
    DotRows(p.x.data() + row * p.width, all.data(), p.latents, p.encoder.data(), p.width, dots.data());
    for (size_t i = 0; i < all.size(); ++i) {
      const float activation = dots[i] + p.bias[i];
      ranks[i] = norms.empty() ? activation : activation * norms[i];
    }
    uint32_t* latents = selection.latents.data() + row * p.k;
    float* values = selection.values.data() + row * p.k;
    const int64_t count = SelectTopK(ranks.data(), zeros.data(), p.latents, p.k, &scratch, latents, values);
    for (int64_t i = 0; i < count; ++i) values[i] = dots[latents[i]] + p.bias[latents[i]];
    selection.counts[static_cast<size_t>(row)] = static_cast<int32_t>(count);
  }
  return selection;
}

Selection Screened(const Problem& p, const std::vector<float>& norms, ScreenedTopK* screened) {
  Selection selection(p);
  screened->Prepare(p.encoder.data(), p.bias.data(), DataOf(norms));
  screened->SelectRows(p.x.data(), p.rows,
                       {selection.latents.data(), selection.values.data(), selection.counts.data()});
  return selection;
}

class Screening : public ScreeningKernelTest {
 protected:
  // Expects the selection of all dot products. Returns how many of them each row took.
  std::vector<int32_t> ExpectExact(const Problem& p) {
    ScreenedTopK screened(p.latents, p.width, p.k, *GetParam().kernel);
    if (GetParam().with_directions) screened.FindDirections(p.x.data(), p.rows);
    for (const std::vector<float>& norms : {RandomNorms(p.latents), std::vector<float>()}) {
      const Selection actual = Screened(p, norms, &screened);
      const Selection expected = FromAllDots(p, norms);
      EXPECT_THAT(actual.counts, ElementsAreArray(expected.counts));
      EXPECT_THAT(actual.latents, ElementsAreArray(expected.latents));
      EXPECT_THAT(actual.values, ElementsAreArray(expected.values));
    }
    return screened.dots();
  }
};

TEST_P(Screening, RandomRowsOfEveryShape) {
  struct Shape {
    int64_t latents, width, rows, k;
  };
  for (const Shape& s :
       {Shape{1, 16, 1, 1}, Shape{7, 16, 3, 7}, Shape{47, 32, 9, 5}, Shape{49, 48, 65, 16}, Shape{500, 576, 70, 32},
        Shape{2304, 64, 20, 32}, Shape{2305, 64, 20, 32}, Shape{7000, 80, 20, 1}, Shape{5000, 96, 10, 300}}) {
    SCOPED_TRACE(std::to_string(s.latents) + " latents of " + std::to_string(s.width));
    ExpectExact(Problem(s.latents, s.width, s.rows, s.k, 1));
  }
}

TEST_P(Screening, RulesOutNearlyAllOfWhatIsFarFromTheThreshold) {
  Problem p(4000, 128, 16, 8, 2);
  for (float& value : p.bias) value = 0;
  for (int64_t i = 0; i < 40; ++i) {  // Some latents that stand out for each row.
    for (int64_t q = 0; q < p.width; ++q) p.encoder_row(100 * i)[q] = 0.2f * p.row(i % p.rows)[q] + 0.01f * p.row(0)[q];
  }
  for (const int32_t dots : ExpectExact(p)) EXPECT_LT(dots, 400);
}

TEST_P(Screening, OutlierCoordinates) {
  Problem p(3000, 128, 40, 16, 3);
  for (int64_t row = 0; row < p.rows; ++row) {
    p.row(row)[5] += 300;
    p.row(row)[77] -= 900;
  }
  for (int64_t i = 0; i < p.latents; i += 3) p.encoder_row(i)[5] = 7;
  ExpectExact(p);
}

TEST_P(Screening, EqualLatentsAreTakenByIndex) {
  Problem p(600, 64, 20, 16, 4);
  for (int64_t i = 0; i < p.latents; ++i) {
    std::copy(p.encoder_row(i % 7), p.encoder_row(i % 7) + p.width, p.encoder_row(i));
    p.bias[static_cast<size_t>(i)] = 0.5f;
  }
  ExpectExact(p);
}

// Latents that differ in their last bits alone: no int8 product tells them apart.
TEST_P(Screening, NearlyEqualLatents) {
  Problem p(1500, 64, 20, 16, 5);
  for (int64_t i = 0; i < p.latents; ++i) {
    for (int64_t q = 0; q < p.width; ++q) {
      p.encoder_row(i)[q] = p.encoder_row(0)[q] * (1 + static_cast<float>((i * 7919 + q) % 5) * 0x1p-23f);
    }
    p.bias[static_cast<size_t>(i)] = 0.25f;
  }
  ExpectExact(p);
}

TEST_P(Screening, ZeroRowsAndZeroLatents) {
  Problem p(700, 64, 10, 16, 6);
  std::fill(p.row(3), p.row(3) + p.width, 0.0f);
  for (int64_t i = 0; i < p.latents; i += 2) std::fill(p.encoder_row(i), p.encoder_row(i) + p.width, 0.0f);
  ExpectExact(p);
}

TEST_P(Screening, FewerThanKPositiveActivations) {
  Problem p(900, 64, 12, 32, 7);
  for (float& value : p.bias) value = -1.2f;
  const Selection expected = FromAllDots(p);
  ASSERT_LT(*std::min_element(expected.counts.begin(), expected.counts.end()), 32);
  ExpectExact(p);
  for (float& value : p.bias) value = -100;
  ExpectExact(p);
}

TEST_P(Screening, HugeAndTinyScales) {
  for (const float scale : {1e-45f, 1e-38f, 1e-30f, 1e-13f, 1e-11f, 1e-3f, 1e3f, 1e11f, 1e13f, 1e25f}) {
    SCOPED_TRACE(scale);
    Problem p(800, 64, 12, 16, 8);
    for (float& value : p.x) value *= scale;
    for (float& value : p.bias) value *= scale;
    ExpectExact(p);
    Problem weights(800, 64, 12, 16, 9);
    for (int64_t i = 0; i < weights.latents; i += 5) {
      for (int64_t q = 0; q < weights.width; ++q) weights.encoder_row(i)[q] *= scale;
    }
    ExpectExact(weights);
  }
}

TEST_P(Screening, RowsOfManyMagnitudes) {
  Problem p(800, 64, 12, 16, 10);
  for (int64_t row = 0; row < p.rows; ++row) {
    for (int64_t q = 0; q < p.width; ++q) p.row(row)[q] *= std::pow(10.0f, static_cast<float>(q % 24) - 20);
  }
  ExpectExact(p);
}

TEST_P(Screening, BiasesThatDwarfTheDotProducts) {
  Problem p(800, 64, 12, 16, 11);
  for (size_t i = 0; i < p.bias.size(); ++i) p.bias[i] = 1e6f + p.bias[i];
  ExpectExact(p);
  p.bias[17] = 3e38f;
  ExpectExact(p);
}

TEST_P(Screening, RowsThatAreNotFiniteAreComputedAgainstAllLatents) {
  Problem p(800, 64, 70, 16, 12);
  p.row(2)[7] = kNan;
  p.row(5)[0] = kInfinity;
  p.row(64)[63] = -kInfinity;
  const std::vector<int32_t> dots = ExpectExact(p);
  for (const size_t row : {2, 5, 64}) EXPECT_EQ(dots[row], p.latents);
}

TEST_P(Screening, LatentsThatAreNotFiniteSpoilNoOther) {
  Problem p(2500, 64, 20, 16, 13);
  p.encoder_row(40)[3] = kNan;
  p.encoder_row(2400)[0] = kInfinity;
  p.bias[7] = kNan;
  p.bias[8] = kInfinity;
  p.bias[9] = -kInfinity;
  ExpectExact(p);
}

TEST_P(Screening, DirectionsOfOtherActivationsChangeNothing) {
  Problem p(2500, 64, 20, 16, 14);
  const Problem other(10, 64, 3, 1, 15);  // Fewer rows than directions.
  AlignedVector<float> not_finite(static_cast<size_t>(p.width), kNan);
  const Selection expected = FromAllDots(p);
  for (const float* sample : {other.x.data(), static_cast<const float*>(not_finite.data())}) {
    ScreenedTopK screened(p.latents, p.width, p.k, *GetParam().kernel);
    screened.FindDirections(sample, sample == other.x.data() ? 3 : 1);
    EXPECT_THAT(Screened(p, {}, &screened).latents, ElementsAreArray(expected.latents));
  }
}

TEST_P(Screening, FollowsTheWeightsAndTheNumberOfThreads) {
  const int before = at::get_num_threads();
  const absl::Cleanup restore = [before] { at::set_num_threads(before); };
  Problem p(3000, 64, 200, 16, 16);
  ScreenedTopK screened(p.latents, p.width, p.k, *GetParam().kernel);
  for (const int threads : {1, 3, 2}) {
    at::set_num_threads(threads);
    for (size_t i = 0; i < p.encoder.size(); i += 3) p.encoder[i] *= -0.9f;
    const Selection actual = Screened(p, {}, &screened);
    const Selection expected = FromAllDots(p);
    EXPECT_THAT(actual.latents, ElementsAreArray(expected.latents));
    EXPECT_THAT(actual.values, ElementsAreArray(expected.values));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Screening, testing::ValuesIn(KernelCases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace seedbed
