// Every upper bound is one, and is no farther from the activation than its slack says, however numbers are chosen.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/random.h"
#include "gtest/gtest.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/screening/aligned_vector.h"
#include "sae/arch/kernels/screening/leading_directions.h"
#include "sae/arch/kernels/screening/packed_encoder.h"
#include "sae/arch/kernels/screening/quantised_block.h"

namespace seedbed {
namespace {

constexpr int64_t kWidth = 96;
constexpr int64_t kLatents = 100;
constexpr int64_t kRows = 16;
constexpr int64_t kDirections = 8;

class UpperBounds : public testing::TestWithParam<const Int8Kernel*> {
 protected:
  void SetUp() override {
    if (GetParam() == &kInt8Avx512Vnni && !HasAvx512Vnni()) GTEST_SKIP() << "this CPU has no AVX-512 VNNI";
    SplitMix64 random(1);
    for (auto* values : {&rows_, &encoder_, &directions_}) {
      for (float& value : *values) value = static_cast<float>(random.Uniform() + random.Uniform() - 1);
    }
    for (float& value : bias_) value = static_cast<float>(random.Uniform() - 0.5);
    LeadingDirections(rows_.data(), kRows, kWidth, kDirections, directions_.data());
  }

  // Returns the largest slack relative to |x| |w|.
  double ExpectBounds() {
    const Int8Kernel& kernel = *GetParam();
    PackedEncoder encoder(kLatents, kWidth, kDirections, kernel);
    encoder.Pack(encoder_.data(), bias_.data(), directions_.data());
    QuantisedBlock block(kRows, kWidth, kDirections, kernel);
    block.Quantise(rows_.data(), kRows, directions_.data());
    const int64_t places = encoder.panels() * kernel.latents;
    std::vector<float> uppers(static_cast<size_t>(kRows * places));
    for (int64_t p = 0; p < encoder.panels(); ++p) {
      block.UpperBounds(encoder, p, uppers.data() + p * kernel.latents, places);
    }
    double largest = 0;
    for (int64_t row = 0; row < kRows; ++row) {
      EXPECT_TRUE(block.screenable(row));
      const float* x = rows_.data() + row * kWidth;
      for (int64_t latent = 0; latent < kLatents; ++latent) {
        const float* w = encoder_.data() + latent * kWidth;
        const float activation = Dot(x, w, kWidth) + bias_[static_cast<size_t>(latent)];
        const float upper = uppers[static_cast<size_t>(row * places + latent)];
        const float slack = block.Slack(encoder, row, latent, upper);
        EXPECT_GE(upper, activation) << "row " << row << ", latent " << latent;
        EXPECT_LE(upper - slack, activation) << "row " << row << ", latent " << latent;
        const double norms = std::sqrt(static_cast<double>(Dot(x, x, kWidth)) * Dot(w, w, kWidth));
        largest = std::max(largest, slack / norms);
      }
      for (int64_t place = kLatents; place < places; ++place) {
        EXPECT_LT(uppers[static_cast<size_t>(row * places + place)], 0) << "a place without a latent";
      }
    }
    return largest;
  }

  AlignedVector<float> rows_ = AlignedVector<float>(kRows * kWidth);
  AlignedVector<float> encoder_ = AlignedVector<float>(kLatents * kWidth);
  AlignedVector<float> directions_ = AlignedVector<float>(kDirections * kWidth);
  std::vector<float> bias_ = std::vector<float>(kLatents);
};

TEST_P(UpperBounds, OfRandomNumbersAreTight) { EXPECT_LT(ExpectBounds(), 0.06); }

TEST_P(UpperBounds, WhereEveryErrorHasTheSameSign) {
  // One large element sets the scale; every other one is halfway between two steps.
  const auto levels = static_cast<float>(GetParam()->weight_levels);
  for (const float side : {0.4999f, -0.4999f}) {
    std::fill(rows_.begin(), rows_.end(), 2 + side);
    std::fill(encoder_.begin(), encoder_.end(), 3 + side);
    std::fill(directions_.begin(), directions_.end(), 0.0f);
    for (int64_t row = 0; row < kRows; ++row) rows_[static_cast<size_t>(row * kWidth + row)] = 127;
    for (int64_t i = 0; i < kLatents; ++i) encoder_[static_cast<size_t>(i * kWidth + kWidth - 1)] = levels;
    ExpectBounds();
  }
}

TEST_P(UpperBounds, WhereTheDirectionsAreNotOrthonormal) {
  for (int64_t i = 1; i < kDirections; ++i) {
    std::copy(directions_.begin(), directions_.begin() + kWidth, directions_.begin() + i * kWidth);
  }
  ExpectBounds();
}

TEST_P(UpperBounds, WhereOneElementDwarfsTheRest) {
  for (int64_t row = 0; row < kRows; ++row) rows_[static_cast<size_t>(row * kWidth + 5)] = 1e8f;
  ExpectBounds();
  for (int64_t i = 0; i < kLatents; ++i) encoder_[static_cast<size_t>(i * kWidth + 5)] = i % 2 == 0 ? 1e8f : -1e8f;
  ExpectBounds();
}

TEST_P(UpperBounds, WhereTheBiasDwarfsTheProduct) {
  for (float& value : bias_) value *= 1e9f;
  ExpectBounds();
}

TEST_P(UpperBounds, AtTheEndsOfWhatIsScreened) {
  for (const float scale : {1.01e-12f, 0.99e12f}) {
    const AlignedVector<float> rows = rows_, encoder = encoder_;
    for (auto* values : {&rows_, &encoder_}) {
      const float largest = *std::max_element(values->begin(), values->end());
      for (float& value : *values) value *= scale / largest;
      for (size_t at = 0; at < values->size(); at += kWidth) (*values)[at] = scale;
      for (float& value : *values) value = std::clamp(value, -scale, scale);
    }
    ExpectBounds();
    rows_ = rows;
    ExpectBounds();
    encoder_ = encoder;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, UpperBounds, testing::Values(&kInt8Avx2, &kInt8Avx512Vnni),
                         [](const auto& info) { return info.param == &kInt8Avx2 ? "Avx2" : "Avx512Vnni"; });

TEST(LeadingDirections, AreOrthonormalAndHoldWhatTheRowsHold) {
  SplitMix64 random(3);
  AlignedVector<float> rows(200 * kWidth), directions(4 * kWidth);
  for (size_t i = 0; i < rows.size(); ++i) {
    // Two large directions, which are columns 3 and 50, and noise.
    const bool large = i % kWidth == 3 || i % kWidth == 50;
    rows[i] = (large ? 20.0f : 0.1f) * static_cast<float>(random.Uniform() - 0.5);
  }
  LeadingDirections(rows.data(), 200, kWidth, 4, directions.data());
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      EXPECT_NEAR(Dot(directions.data() + i * kWidth, directions.data() + j * kWidth, kWidth), i == j, 1e-5);
    }
  }
  double held = 0;
  for (int64_t i = 0; i < 4; ++i) {
    for (const int64_t column : {3, 50}) held += std::pow(directions[static_cast<size_t>(i * kWidth + column)], 2);
  }
  EXPECT_NEAR(held, 2, 1e-3);
}

TEST(LeadingDirections, AreZeroBeyondTheRankOfTheRows) {
  AlignedVector<float> rows(3 * kWidth, 0.0f), directions(4 * kWidth, 7.0f);
  for (size_t row = 0; row < 3; ++row) rows[row * kWidth + 5] = static_cast<float>(row + 1);
  LeadingDirections(rows.data(), 3, kWidth, 4, directions.data());
  EXPECT_NEAR(std::abs(directions[5]), 1, 1e-6);
  EXPECT_EQ(std::count(directions.begin(), directions.end(), 0.0f), 4 * kWidth - 1);
}

TEST(LeadingDirections, HaveUnitNormOrNone) {
  SplitMix64 random(4);
  for (const float scale : {1e-38f, 1e-24f, 1e-22f, 1e-20f, 1e-18f, 1e12f, 1e25f}) {
    AlignedVector<float> rows(50 * kWidth), directions(4 * kWidth);
    for (float& value : rows) value = scale * static_cast<float>(random.Uniform() - 0.5);
    LeadingDirections(rows.data(), 50, kWidth, 4, directions.data());
    for (int64_t i = 0; i < 4; ++i) {
      double squares = 0;
      for (int64_t q = 0; q < kWidth; ++q) squares += std::pow(directions[static_cast<size_t>(i * kWidth + q)], 2);
      EXPECT_NEAR(squares, squares == 0 ? 0 : 1, 1.1e-3) << "for rows of " << scale;
    }
  }
}

}  // namespace
}  // namespace seedbed
