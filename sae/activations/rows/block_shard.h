// The safetensors file that keeps one hookpoint's rows of one harvest block (docs/formats.md, "Activation cache").
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_BLOCK_SHARD_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_BLOCK_SHARD_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/activations/rows/row_shard.h"

namespace seedbed {

// What a file says that it holds.
struct BlockShardId {
  std::string stream_key;
  std::string hookpoint;
  int64_t block = 0;
};

// "block-000012.safetensors".
std::string BlockShardName(int64_t block);

// What the file begins with; `rows`, its bytes, follow: whole rows of `format`.
absl::StatusOr<std::string> BlockShardPrefix(const BlockShardId& id, RowFormat format, absl::string_view rows);

// Reads the file whole. NOT_FOUND when there is none; otherwise an error that names it and says why it is not what it
// should be: cut off, damaged (DATA_LOSS), of another stream, hookpoint or block, of another shape or type. `rows`: as
// many as there must be, where that is known.
absl::StatusOr<RowShard> OpenBlockShard(const std::string& path, const BlockShardId& id, RowFormat format,
                                        std::optional<int64_t> rows);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_BLOCK_SHARD_H_
