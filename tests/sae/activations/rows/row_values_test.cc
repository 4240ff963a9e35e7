#include "sae/activations/rows/row_values.h"

#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "c10/util/BFloat16.h"
#include "c10/util/Half.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

uint32_t Bits(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Of each of the 65536 values there are, converted together with others and alone.
template <typename Half>
void ExpectExact(TensorType type) {
  std::vector<uint16_t> halves(65536);
  std::iota(halves.begin(), halves.end(), uint16_t{0});
  std::vector<float> floats(halves.size());
  ToFloats(type, halves.data(), static_cast<int64_t>(halves.size()), 1, floats.data());
  for (size_t i = 0; i < halves.size(); ++i) {
    const float wanted = Half(halves[i], Half::from_bits());
    float alone = 0;
    ToFloats(type, &halves[i], 1, 1, &alone);
    if (wanted != wanted) {
      EXPECT_TRUE(floats[i] != floats[i] && alone != alone) << i;
    } else {
      EXPECT_EQ(Bits(floats[i]), Bits(wanted)) << i;
      EXPECT_EQ(Bits(alone), Bits(wanted)) << i;
    }
  }
}

TEST(RowValuesTest, BFloat16IsExact) { ExpectExact<c10::BFloat16>(TensorType::kBF16); }

TEST(RowValuesTest, Float16IsExact) { ExpectExact<c10::Half>(TensorType::kF16); }

TEST(RowValuesTest, WritesNothingBehindTheLastValue) {
  for (int64_t count = 0; count < 20; ++count) {
    const std::vector<uint16_t> ones(20, 0x3F80);
    std::vector<float> floats(21, -1.0f);
    ToFloats(TensorType::kBF16, ones.data(), count, 2, floats.data());
    for (int64_t i = 0; i < 21; ++i) EXPECT_EQ(floats[i], i < count ? 2.0f : -1.0f) << count << " " << i;
  }
}

TEST(RowValuesTest, ScaleOfOneLeavesFloat32BitsAlone) {
  const std::vector<uint32_t> bits = {0x7FA0'0001, 0x0000'0001, 0x8000'0000, 0x3F80'0000};  // A signalling NaN first.
  std::vector<float> floats(bits.size());
  ToFloats(TensorType::kF32, bits.data(), 4, 1, floats.data());
  EXPECT_EQ(std::memcmp(floats.data(), bits.data(), 16), 0);
}

TEST(RowValuesTest, ScalesInPlace) {
  std::vector<float> floats = {1, -2, 0.5f};
  ToFloats(TensorType::kF32, floats.data(), 3, 0.25f, floats.data());
  EXPECT_EQ(floats, (std::vector<float>{0.25f, -0.5f, 0.125f}));
}

TEST(RowValuesTest, KnowsTheTypesOfRows) {
  EXPECT_TRUE(IsRowType(TensorType::kF32));
  EXPECT_TRUE(IsRowType(TensorType::kBF16));
  EXPECT_TRUE(IsRowType(TensorType::kF16));
  EXPECT_FALSE(IsRowType(TensorType::kF64));
  EXPECT_FALSE(IsRowType(TensorType::kI16));
}

}  // namespace
}  // namespace seedbed
