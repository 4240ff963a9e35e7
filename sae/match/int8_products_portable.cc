#include <cstring>

#include "sae/match/int8_products.h"

namespace seedbed {
namespace {

constexpr int64_t kRows = 4;
constexpr int64_t kColumns = 16;

void Multiply(const Int8Tile& tile) {
  for (int64_t i = 0; i < kRows; ++i) {
    int32_t products[kColumns];
    for (int32_t& product : products) product = tile.row_starts[i];
    for (int64_t q = 0; q < tile.depth; q += 4) {
      const int8_t* row = tile.rows + i * tile.depth + q;
      int8_t panel[kColumns][4];
      std::memcpy(panel, tile.panel + q * kColumns, sizeof panel);
      for (int64_t j = 0; j < kColumns; ++j) {
        for (int64_t p = 0; p < 4; ++p) products[j] += static_cast<int32_t>(row[p]) * panel[j][p];
      }
    }
    for (int64_t j = 0; j < kColumns; ++j) {
      tile.out[i * tile.out_stride + j] = static_cast<float>(products[j]) * (tile.row_scales[i] * tile.panel_scales[j]);
    }
  }
}

}  // namespace

const Int8Products kProductsPortable = {"portable", kRows, kColumns, 0, &Multiply};

}  // namespace seedbed
