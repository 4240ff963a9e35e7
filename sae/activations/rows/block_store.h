// Keeps the rows of a stream's harvest blocks, for the later epochs and for later sweeps, so that the language model
// runs once.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_BLOCK_STORE_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_BLOCK_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/ScalarType.h"
#include "sae/activations/rows/row_cache.h"
#include "sae/activations/rows/row_store.h"
#include "sae/activations/rows/scratch_file.h"

namespace seedbed {

struct BlockStoreOptions {
  std::string scratch_dir;  // Exists, and is this rank's alone.
  bool keep = false;        // Every block is needed again: there is more than one epoch.
  // Where blocks outlive the process: each is looked for in all of them, and kept in the first that takes it.
  std::vector<RowCacheOptions> caches;
  std::vector<std::string> hookpoints;  // Canonical names of those hosted here.
  int64_t width = 0;
  at::ScalarType dtype = at::kFloat;  // Of the rows: float32, bfloat16 or float16.
  int64_t blocks = 0;
  int64_t rows = 0;  // Of all blocks together.
};

// Of all hookpoints that a rank hosts an SAE of. A block goes to the first cache that takes it, otherwise to scratch
// where it is needed again, otherwise nowhere; nothing is written twice.
//
// ReadRows may be called from any thread while nothing else is; the rest is not thread-safe.
class BlockStore {
 public:
  // Finds the blocks that the caches have, and reads them whole to verify them. Reserves the place in scratch that is
  // sure to be needed. Errors: INVALID_ARGUMENT for options that are wrong; as RowCache::Open and ScratchFile::Create.
  static absl::StatusOr<std::unique_ptr<BlockStore>> Open(BlockStoreOptions options);

  // Removes scratch that is not complete.
  ~BlockStore();

  // Every block is needed again.
  bool keeps() const { return options_.keep; }

  // Whether the block's rows are here, for every hosted hookpoint. Always so where none is hosted.
  bool HasBlock(int64_t block) const;

  // HasBlock(block). 0 where no hookpoint is hosted.
  int64_t BlockRows(int64_t block) const;

  // HasBlock(block). Puts the block's rows [first, first + count), which are there, into `rows`: by hosted hookpoint,
  // [count, width] of the store's dtype, on the CPU. Memory of tensors that this function put there before is used
  // again. Reads with LibTorch's threads; fastest by a MiB or two at a time, which stay in the processor's cache.
  // Errors: as RowShard::Read.
  absl::Status ReadRows(int64_t block, int64_t first, int64_t count, std::vector<at::Tensor>* rows) const;
  absl::Status ReadBlock(int64_t block, std::vector<at::Tensor>* rows) const {
    return ReadRows(block, 0, BlockRows(block), rows);
  }

  // `rows`: by hosted hookpoint, [any, width] of the store's dtype, contiguous, on the CPU. What is here already is not
  // written again. Errors: as ScratchFile::Append. A cache's troubles are warnings.
  absl::Status WriteBlock(int64_t block, const std::vector<at::Tensor>& rows);

  // All rows, by hosted hookpoint. INTERNAL when a block is missing or the rows are not as many as they should be.
  absl::StatusOr<std::vector<RowStore>> Finish();

  // In blocks that Open found in a cache; each counted once for all hookpoints.
  int64_t rows_from_cache() const { return rows_from_cache_; }
  // Files of the caches that were not what they should be.
  int64_t shards_refused() const;

 private:
  BlockStore(BlockStoreOptions options, RowFormat format);

  void FindCachedBlocks();
  std::optional<RowShard> FindCached(size_t hookpoint, int64_t block, std::optional<int64_t> rows);
  absl::Status ReserveScratch();
  absl::Status CheckBlock(int64_t block, const std::vector<at::Tensor>& rows) const;
  absl::StatusOr<std::optional<RowShard>> Keep(size_t hookpoint, int64_t block, const at::Tensor& rows);
  absl::Status OpenScratch(int64_t rows);
  std::string ScratchPath(size_t hookpoint) const;

  BlockStoreOptions options_;
  RowFormat format_;
  std::vector<std::unique_ptr<RowCache>> caches_;             // None where nothing is hosted.
  std::vector<ScratchFile> scratch_;                          // By hosted hookpoint; none until it is needed.
  std::vector<std::vector<std::optional<RowShard>>> shards_;  // By hosted hookpoint, by block.
  int64_t rows_from_cache_ = 0;
  bool finished_ = false;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_BLOCK_STORE_H_
