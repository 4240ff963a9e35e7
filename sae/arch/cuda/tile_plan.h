// How a batch is cut into tiles of rows whose pre-activations exist at once.
#ifndef SEEDBED_SAE_ARCH_CUDA_TILE_PLAN_H_
#define SEEDBED_SAE_ARCH_CUDA_TILE_PLAN_H_

#include <cstdint>

#include "absl/status/status.h"
#include "sae/arch/sae_config.h"

namespace seedbed {

// A multiple of this many rows starts every tile at an address that products need no special case for.
inline constexpr int64_t kTileAlignment = 128;

// Bytes that a tile of float32 pre-activations may take. Its product reads all of W_enc, so a tile is to have a
// thousand rows even where there are 131,072 latents.
inline constexpr int64_t kTileBytes = int64_t{512} << 20;

// Rows in every tile but the last, which may have fewer: `rows` where all of them fit, else a multiple of
// kTileAlignment, at least one.
int64_t RowsInTile(int64_t rows, int64_t latents);

// INVALID_ARGUMENT for a batch of the topk family with more activations than can be numbered.
absl::Status CheckPlaces(const SaeConfig& config, int64_t rows);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_TILE_PLAN_H_
