#include "sae/arch/cuda/tile_plan.h"

#include <algorithm>

namespace seedbed {

int64_t RowsInTile(int64_t rows, int64_t latents) {
  const int64_t fitting = kTileBytes / (latents * static_cast<int64_t>(sizeof(float)));
  if (rows <= fitting) return rows;
  return std::min(rows, std::max(kTileAlignment, fitting / kTileAlignment * kTileAlignment));
}

}  // namespace seedbed
