#include "sae/match/cpu_product_sweep.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

constexpr int64_t kBlockRows = 12 * kTileRows;  // That a thread takes at once.

// Some columns as a kernel reads them: panels of [depth / 4, products.columns, 4] bytes.
class PackedColumns {
 public:
  PackedColumns(int64_t depth, const Int8Products& products)
      : depth_(depth),
        products_(products),
        panels_(static_cast<size_t>(kChunkColumns * depth)),
        scales_(static_cast<size_t>(kChunkColumns)) {}

  void Pack(const ChosenRows& columns, int64_t first, int64_t count) {
    ForEachPiece(count, kTileColumns, [&](int64_t begin, int64_t end, int /*thread*/) {
      std::fill(scales_.begin() + begin, scales_.begin() + begin + kTileColumns, 0.0f);
      for (int64_t j = begin; j < end; ++j) PackOne(columns.quantised, columns.indices[first + j], j);
    });
  }

  const uint8_t* panel(int64_t column) const { return panels_.data() + column * depth_; }
  const float* scales(int64_t column) const { return scales_.data() + column; }

 private:
  void PackOne(const QuantisedRows& quantised, int64_t index, int64_t column) {
    const uint32_t flip = products_.offset == 0 ? 0 : 0x80808080u;  // Adds 128 to each of four bytes.
    const int8_t* values = quantised.values.data() + index * depth_;
    const int64_t in_panel = column % products_.columns;
    uint8_t* panel = panels_.data() + (column - in_panel) * depth_ + 4 * in_panel;
    for (int64_t q = 0; q < depth_; q += 4, panel += 4 * products_.columns) {
      uint32_t four;
      std::memcpy(&four, values + q, sizeof four);
      four ^= flip;
      std::memcpy(panel, &four, sizeof four);
    }
    scales_[static_cast<size_t>(column)] = quantised.scales[static_cast<size_t>(index)];
  }

  const int64_t depth_;
  const Int8Products& products_;
  AlignedVector<uint8_t> panels_;
  std::vector<float> scales_;
};

// Some chosen rows side by side. One for each thread.
class GatheredRows {
 public:
  GatheredRows(int64_t depth, const Int8Products& products)
      : depth_(depth),
        products_(products),
        values_(static_cast<size_t>(kBlockRows * depth)),
        scales_(static_cast<size_t>(kBlockRows)),
        starts_(static_cast<size_t>(kBlockRows)) {}

  void Gather(const ChosenRows& rows, int64_t first, int64_t count) {
    const int64_t stored = (count + kTileRows - 1) / kTileRows * kTileRows;
    for (int64_t i = 0; i < stored; ++i) {
      // Rows beyond the last one repeat it.
      const int64_t index = rows.indices[first + std::min(i, count - 1)];
      std::memcpy(values_.data() + i * depth_, rows.quantised.values.data() + index * depth_,
                  static_cast<size_t>(depth_));
      scales_[static_cast<size_t>(i)] = rows.quantised.scales[static_cast<size_t>(index)];
      starts_[static_cast<size_t>(i)] = -products_.offset * rows.quantised.sums[static_cast<size_t>(index)];
    }
  }

  // Rows [row, row + kTileRows) with columns [column, column + kTileColumns).
  void Multiply(int64_t row, const PackedColumns& columns, int64_t column, float* out) const {
    Int8Tile tile;
    tile.depth = depth_;
    tile.out_stride = kTileColumns;
    for (int64_t j = 0; j < kTileColumns; j += products_.columns) {
      tile.panel = columns.panel(column + j);
      tile.panel_scales = columns.scales(column + j);
      for (int64_t i = 0; i < kTileRows; i += products_.rows) {
        tile.rows = values_.data() + (row + i) * depth_;
        tile.row_scales = scales_.data() + row + i;
        tile.row_starts = starts_.data() + row + i;
        tile.out = out + i * kTileColumns + j;
        products_.multiply(tile);
      }
    }
  }

 private:
  const int64_t depth_;
  const Int8Products& products_;
  AlignedVector<int8_t> values_;
  std::vector<float> scales_;
  std::vector<int32_t> starts_;
};

class Sweep {
 public:
  Sweep(const ChosenRows& rows, const ChosenRows& columns, const Int8Products& products, const SweepVisitor& visitor)
      : rows_(rows), columns_(columns), visitor_(visitor), packed_(rows.quantised.depth, products) {
    for (int thread = 0; thread < LoopThreads(); ++thread) gathered_.emplace_back(rows.quantised.depth, products);
  }

  void Run() {
    const auto columns = static_cast<int64_t>(columns_.indices.size());
    for (int64_t first = 0; first < columns; first += kChunkColumns) {
      const int64_t count = std::min(kChunkColumns, columns - first);
      RunChunk(first, count);
      visitor_.finish_chunk(first, count);
    }
  }

 private:
  void RunChunk(int64_t first, int64_t count) {
    const auto rows = static_cast<int64_t>(rows_.indices.size());
    if (!AnyWanted(0, rows, first, count)) return;
    packed_.Pack(columns_, first, count);
    ForEachPiece(rows, kBlockRows, [&](int64_t begin, int64_t end, int thread) {
      if (AnyWanted(begin, end, first, count)) RunBlock(begin, end, first, count, thread);
    });
  }

  bool AnyWanted(int64_t begin, int64_t end, int64_t first, int64_t count) const {
    for (int64_t column = first; column < first + count; column += kTileColumns) {
      for (int64_t row = begin; row < end; row += kTileRows) {
        if (visitor_.wanted(row, column)) return true;
      }
    }
    return false;
  }

  // A panel of columns stays in the first cache while all rows of the block pass it.
  void RunBlock(int64_t begin, int64_t end, int64_t first, int64_t count, int thread) {
    GatheredRows& gathered = gathered_[static_cast<size_t>(thread)];
    gathered.Gather(rows_, begin, end - begin);
    alignas(64) float products[kTileRows * kTileColumns];
    for (int64_t column = 0; column < count; column += kTileColumns) {
      for (int64_t row = begin; row < end; row += kTileRows) {
        if (!visitor_.wanted(row, first + column)) continue;
        gathered.Multiply(row - begin, packed_, column, products);
        visitor_.visit({row, std::min(kTileRows, end - row), first + column, std::min(kTileColumns, count - column),
                        products, thread});
      }
    }
  }

  const ChosenRows& rows_;
  const ChosenRows& columns_;
  const SweepVisitor& visitor_;
  PackedColumns packed_;
  std::vector<GatheredRows> gathered_;
};

}  // namespace

void CpuProductSweep::Run(const ChosenRows& rows, const ChosenRows& columns, const SweepVisitor& visitor) const {
  Sweep(rows, columns, kernel_, visitor).Run();
}

}  // namespace seedbed
