#include "sae/match/device_product_sweep.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/_int_mm.h"
#include "ATen/ops/empty.h"
#include "c10/core/DeviceGuard.h"
#include "c10/core/Event.h"
#include "c10/core/impl/VirtualGuardImpl.h"
#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

constexpr int64_t kBlockRows = 2048;  // That the device multiplies at once.
constexpr int64_t kPieceRows = 2 * kTileRows;
// The product takes more than 16 rows, and columns in eights.
constexpr int64_t kRowMultiple = 4 * kTileRows;

int64_t RoundedUp(int64_t count, int64_t multiple) { return PieceCount(count, multiple) * multiple; }

// Chosen rows [first, first + count) side by side on the device, and rows of 0 up to `stored`.
at::Tensor Gathered(const ChosenRows& chosen, int64_t first, int64_t count, int64_t stored, c10::Device device) {
  constexpr int64_t kRowsInPiece = 64;
  const int64_t depth = chosen.quantised.depth;
  at::Tensor gathered = at::empty({stored, depth}, at::kChar);
  int8_t* values = gathered.mutable_data_ptr<int8_t>();
  ForEachPiece(stored, kRowsInPiece, [&](int64_t begin, int64_t end, int /*thread*/) {
    for (int64_t i = begin; i < end; ++i) {
      if (i >= count) {
        std::memset(values + i * depth, 0, static_cast<size_t>(depth));
        continue;
      }
      const int64_t index = chosen.indices[static_cast<size_t>(first + i)];
      std::memcpy(values + i * depth, chosen.quantised.values.data() + index * depth, static_cast<size_t>(depth));
    }
  });
  return gathered.to(device);
}

std::vector<float> GatheredScales(const ChosenRows& chosen) {
  std::vector<float> scales;
  for (const int32_t index : chosen.indices) scales.push_back(chosen.quantised.scales[static_cast<size_t>(index)]);
  scales.resize(scales.size() + kTileColumns, 0.0f);
  return scales;
}

// The products of one block of rows with one chunk of columns, on their way to the host.
class ProductBlock {
 public:
  explicit ProductBlock(c10::Device device) : device_(device) {
    constexpr int64_t kMost = kBlockRows * kChunkColumns;
    on_device_ = at::empty({kMost}, at::TensorOptions(at::kInt).device(device));
    on_host_ = device.is_cpu() ? on_device_ : at::empty({kMost}, at::TensorOptions(at::kInt).pinned_memory(true));
  }

  // Queues the product of `rows` [n, depth] with `columns` [m, depth], on the current stream.
  void Start(const at::Tensor& rows, const at::Tensor& columns) {
    const int64_t count = rows.size(0) * columns.size(0);
    stride_ = columns.size(0);
    at::Tensor products = on_device_.narrow(0, 0, count).view({rows.size(0), stride_});
    at::_int_mm_out(products, rows, columns.t());
    if (device_.is_cpu()) return;
    on_host_.narrow(0, 0, count).copy_(on_device_.narrow(0, 0, count), /*non_blocking=*/true);
    arrived_.emplace(device_.type());
    arrived_->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }

  // Waits until the products are there.
  void Await() const {
    if (arrived_.has_value()) arrived_->synchronize();
  }

  const int32_t* row(int64_t i) const { return on_host_.const_data_ptr<int32_t>() + i * stride_; }

 private:
  const c10::Device device_;
  at::Tensor on_device_;
  at::Tensor on_host_;  // The same on the CPU.
  int64_t stride_ = 0;
  std::optional<c10::Event> arrived_;
};

struct Range {
  int64_t first = 0;
  int64_t count = 0;
};

class Sweep {
 public:
  Sweep(const ChosenRows& rows, const ChosenRows& columns, const SweepVisitor& visitor, c10::Device device)
      : columns_(columns),
        visitor_(visitor),
        device_(device),
        row_count_(static_cast<int64_t>(rows.indices.size())),
        row_scales_(GatheredScales(rows)),
        column_scales_(GatheredScales(columns)),
        rows_on_device_(Gathered(rows, 0, row_count_, RoundedUp(row_count_, kRowMultiple), device)),
        blocks_{ProductBlock(device), ProductBlock(device)} {}

  void Run() {
    const auto columns = static_cast<int64_t>(columns_.indices.size());
    for (int64_t first = 0; first < columns; first += kChunkColumns) {
      const Range chunk{first, std::min(kChunkColumns, columns - first)};
      RunChunk(chunk);
      visitor_.finish_chunk(chunk.first, chunk.count);
    }
  }

 private:
  void RunChunk(const Range& chunk) {
    std::vector<Range> wanted;
    for (int64_t first = 0; first < row_count_; first += kBlockRows) {
      const Range rows{first, std::min(kBlockRows, row_count_ - first)};
      if (AnyWanted(rows, chunk)) wanted.push_back(rows);
    }
    if (wanted.empty()) return;
    const at::Tensor columns =
        Gathered(columns_, chunk.first, chunk.count, RoundedUp(chunk.count, kTileColumns), device_);
    Start(wanted[0], columns, &blocks_[0]);
    for (size_t k = 0; k < wanted.size(); ++k) {
      if (k + 1 < wanted.size()) Start(wanted[k + 1], columns, &blocks_[(k + 1) % 2]);
      blocks_[k % 2].Await();
      VisitBlock(wanted[k], chunk, blocks_[k % 2]);
    }
  }

  bool AnyWanted(const Range& rows, const Range& columns) const {
    for (int64_t column = columns.first; column < columns.first + columns.count; column += kTileColumns) {
      for (int64_t row = rows.first; row < rows.first + rows.count; row += kTileRows) {
        if (visitor_.wanted(row, column)) return true;
      }
    }
    return false;
  }

  void Start(const Range& rows, const at::Tensor& columns, ProductBlock* block) const {
    block->Start(rows_on_device_.narrow(0, rows.first, RoundedUp(rows.count, kRowMultiple)), columns);
  }

  void VisitBlock(const Range& rows, const Range& columns, const ProductBlock& block) const {
    ForEachPiece(rows.count, kPieceRows, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t column = 0; column < columns.count; column += kTileColumns) {
        for (int64_t row = begin; row < end; row += kTileRows) {
          ProductTile tile;
          tile.first_row = rows.first + row;
          tile.rows = std::min(kTileRows, end - row);
          tile.first_column = columns.first + column;
          tile.columns = std::min(kTileColumns, columns.count - column);
          tile.thread = thread;
          if (visitor_.wanted(tile.first_row, tile.first_column)) VisitTile(block, row, column, &tile);
        }
      }
    });
  }

  // `row` and `column`: where it begins in the block.
  void VisitTile(const ProductBlock& block, int64_t row, int64_t column, ProductTile* tile) const {
    alignas(64) float scaled[kTileRows * kTileColumns] = {};
    const float* column_scales = column_scales_.data() + tile->first_column;
    for (int64_t i = 0; i < tile->rows; ++i) {
      const int32_t* products = block.row(row + i) + column;
      const float row_scale = row_scales_[static_cast<size_t>(tile->first_row + i)];
      for (int64_t j = 0; j < kTileColumns; ++j) {
        scaled[i * kTileColumns + j] = static_cast<float>(products[j]) * (row_scale * column_scales[j]);
      }
    }
    tile->products = scaled;
    visitor_.visit(*tile);
  }

  const ChosenRows& columns_;
  const SweepVisitor& visitor_;
  const c10::Device device_;
  const int64_t row_count_;
  const std::vector<float> row_scales_;
  const std::vector<float> column_scales_;
  const at::Tensor rows_on_device_;  // [row_count_ and more, depth]
  std::array<ProductBlock, 2> blocks_;
};

}  // namespace

void DeviceProductSweep::Run(const ChosenRows& rows, const ChosenRows& columns, const SweepVisitor& visitor) const {
  const c10::DeviceGuard guard(device_);
  Sweep(rows, columns, visitor, device_).Run();
}

}  // namespace seedbed
