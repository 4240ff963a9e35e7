// The kernels against the same sums written plainly, at the ends of what their operands may be.
#include "sae/match/int8_products.h"

#include <algorithm>
#include <vector>

#include "common/random.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

// Signed operands of one tile.
struct Operands {
  Operands(const Int8Products& products, int64_t depth)
      : rows(static_cast<size_t>(products.rows * depth)),
        columns(static_cast<size_t>(products.columns * depth)),
        row_scales(static_cast<size_t>(products.rows), 1),
        column_scales(static_cast<size_t>(products.columns), 1) {}

  std::vector<int8_t> rows;     // [products.rows, depth]
  std::vector<int8_t> columns;  // [products.columns, depth]
  std::vector<float> row_scales;
  std::vector<float> column_scales;
};

// Checks all of out[i, j].
void ExpectExact(const Int8Products& products, int64_t depth, const Operands& operands) {
  std::vector<uint8_t> panel(operands.columns.size());
  for (int64_t j = 0; j < products.columns; ++j) {
    for (int64_t q = 0; q < depth; ++q) {
      panel[static_cast<size_t>((q / 4 * products.columns + j) * 4 + q % 4)] =
          static_cast<uint8_t>(operands.columns[static_cast<size_t>(j * depth + q)] + products.offset);
    }
  }
  std::vector<int32_t> starts;
  for (int64_t i = 0; i < products.rows; ++i) {
    int32_t sum = 0;
    for (int64_t q = 0; q < depth; ++q) sum += operands.rows[static_cast<size_t>(i * depth + q)];
    starts.push_back(-products.offset * sum);
  }
  std::vector<float> out(static_cast<size_t>(products.rows * products.columns));
  products.multiply({operands.rows.data(), operands.row_scales.data(), starts.data(), panel.data(),
                     operands.column_scales.data(), depth, out.data(), products.columns});
  for (int64_t i = 0; i < products.rows; ++i) {
    for (int64_t j = 0; j < products.columns; ++j) {
      int32_t product = 0;
      for (int64_t q = 0; q < depth; ++q) {
        product +=
            operands.rows[static_cast<size_t>(i * depth + q)] * operands.columns[static_cast<size_t>(j * depth + q)];
      }
      const float scale = operands.row_scales[static_cast<size_t>(i)] * operands.column_scales[static_cast<size_t>(j)];
      EXPECT_EQ(out[static_cast<size_t>(i * products.columns + j)], static_cast<float>(product) * scale);
    }
  }
}

TEST(Int8ProductsTest, AreExactWhereEveryProductIsTheLargest) {
  for (const Int8Products* products : SupportedProducts()) {
    SCOPED_TRACE(products->name);
    for (const int row : {127, -127}) {
      for (const int column : {127, -127}) {
        Operands operands(*products, 768);
        std::fill(operands.rows.begin(), operands.rows.end(), static_cast<int8_t>(row));
        std::fill(operands.columns.begin(), operands.columns.end(), static_cast<int8_t>(column));
        ExpectExact(*products, 768, operands);
      }
    }
  }
}

TEST(Int8ProductsTest, EqualPlainSums) {
  SplitMix64 random(1);
  for (const Int8Products* products : SupportedProducts()) {
    SCOPED_TRACE(products->name);
    for (const int64_t depth : {4, 64, 100}) {
      Operands operands(*products, depth);
      for (auto* values : {&operands.rows, &operands.columns}) {
        for (int8_t& value : *values) value = static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127);
      }
      for (auto* scales : {&operands.row_scales, &operands.column_scales}) {
        for (float& scale : *scales) scale = static_cast<float>(random.Uniform());
      }
      ExpectExact(*products, depth, operands);
    }
  }
}

}  // namespace
}  // namespace seedbed
