#include "sae/activations/rows/block_store.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "ATen/Parallel.h"
#include "ATen/ops/empty.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/activations/rows/row_values.h"

namespace seedbed {
namespace {

constexpr int64_t kValuesInPiece = 1 << 20;

// Names of hookpoints become names of files.
absl::Status CheckHookpoints(const std::vector<std::string>& hookpoints) {
  for (size_t i = 0; i < hookpoints.size(); ++i) {
    const std::string& name = hookpoints[i];
    if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("hookpoint \"", name, "\"; must not be empty, begin with a dot or have a slash"));
    }
    if (std::find(hookpoints.begin(), hookpoints.begin() + static_cast<std::ptrdiff_t>(i), name) !=
        hookpoints.begin() + static_cast<std::ptrdiff_t>(i)) {
      return absl::InvalidArgumentError(absl::StrCat("hookpoint \"", name, "\" is there twice"));
    }
  }
  return absl::OkStatus();
}

// Rows [first, first + count), by pieces where they are many, since one thread reads slower than memory can.
absl::Status ReadRowsOf(const RowShard& shard, int64_t first, int64_t count, char* out) {
  const int64_t width = shard.format().width;
  const int64_t piece_rows = std::max<int64_t>(1, kValuesInPiece / width);
  const int64_t pieces = (count + piece_rows - 1) / piece_rows;
  std::vector<absl::Status> statuses(static_cast<size_t>(pieces));
  at::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t done = p * piece_rows;
      const int64_t rows = std::min(piece_rows, count - done);
      statuses[static_cast<size_t>(p)] =
          shard.Read((first + done) * width, rows * width, out + done * shard.format().row_bytes());
    }
  });
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

absl::string_view BytesOf(const at::Tensor& rows) {
  return absl::string_view(static_cast<const char*>(rows.const_data_ptr()), rows.nbytes());
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockStore>> BlockStore::Open(BlockStoreOptions options) {
  RETURN_IF_ERROR(CheckHookpoints(options.hookpoints));
  ASSIGN_OR_RETURN(const TensorType type, RowTypeOf(options.dtype));
  const RowFormat format = {options.width, type};
  std::unique_ptr<BlockStore> store(new BlockStore(std::move(options), format));
  if (!store->options_.hookpoints.empty()) {
    for (const RowCacheOptions& cache : store->options_.caches) {
      ASSIGN_OR_RETURN(std::unique_ptr<RowCache> opened, RowCache::Open(cache, format));
      store->caches_.push_back(std::move(opened));
    }
    store->FindCachedBlocks();
  }
  RETURN_IF_ERROR(store->ReserveScratch());
  return store;
}

BlockStore::BlockStore(BlockStoreOptions options, RowFormat format)
    : options_(std::move(options)),
      format_(format),
      shards_(options_.hookpoints.size(), std::vector<std::optional<RowShard>>(static_cast<size_t>(options_.blocks))) {}

BlockStore::~BlockStore() {
  if (finished_) return;
  for (size_t h = 0; h < scratch_.size(); ++h) unlink(ScratchPath(h).c_str());
}

void BlockStore::FindCachedBlocks() {
  for (int64_t block = 0; block < options_.blocks; ++block) {
    std::optional<int64_t> rows;  // All hookpoints have equally many.
    for (size_t h = 0; h < shards_.size(); ++h) {
      std::optional<RowShard>& shard = shards_[h][static_cast<size_t>(block)];
      shard = FindCached(h, block, rows);
      if (shard) rows = shard->rows();
    }
    if (HasBlock(block)) rows_from_cache_ += BlockRows(block);
  }
}

std::optional<RowShard> BlockStore::FindCached(size_t hookpoint, int64_t block, std::optional<int64_t> rows) {
  for (const std::unique_ptr<RowCache>& cache : caches_) {
    std::optional<RowShard> found = cache->Find(options_.hookpoints[hookpoint], block, rows);
    if (found) return found;
  }
  return std::nullopt;
}

absl::Status BlockStore::ReserveScratch() {
  if (!options_.keep) return absl::OkStatus();
  int64_t rows = options_.rows - rows_from_cache_;
  for (size_t i = 0; i < caches_.size(); ++i) {
    if (!caches_[i]->keeps_rows()) continue;
    rows -= options_.caches[i].max_bytes / (format_.row_bytes() * static_cast<int64_t>(shards_.size()));
    if (rows <= 0) return absl::OkStatus();
  }
  return rows > 0 ? OpenScratch(rows) : absl::OkStatus();
}

absl::Status BlockStore::OpenScratch(int64_t rows) {
  for (size_t h = 0; h < shards_.size(); ++h) {
    ASSIGN_OR_RETURN(ScratchFile file, ScratchFile::Create(ScratchPath(h), rows, format_));
    scratch_.push_back(std::move(file));
  }
  return absl::OkStatus();
}

std::string BlockStore::ScratchPath(size_t hookpoint) const {
  const std::string type = absl::AsciiStrToLower(TensorTypeName(format_.type));
  return JoinPath(options_.scratch_dir, absl::StrCat(options_.hookpoints[hookpoint], ".", type));
}

bool BlockStore::HasBlock(int64_t block) const {
  return std::all_of(shards_.begin(), shards_.end(),
                     [block](const auto& blocks) { return blocks[static_cast<size_t>(block)].has_value(); });
}

int64_t BlockStore::BlockRows(int64_t block) const {
  return shards_.empty() ? 0 : shards_.front()[static_cast<size_t>(block)]->rows();
}

absl::Status BlockStore::ReadRows(int64_t block, int64_t first, int64_t count, std::vector<at::Tensor>* rows) const {
  rows->resize(shards_.size());
  for (size_t h = 0; h < shards_.size(); ++h) {
    at::Tensor& tensor = (*rows)[h];
    if (!tensor.defined()) tensor = at::empty({0, options_.width}, options_.dtype);
    tensor.resize_({count, options_.width});
    const RowShard& shard = *shards_[h][static_cast<size_t>(block)];
    RETURN_IF_ERROR(ReadRowsOf(shard, first, count, static_cast<char*>(tensor.data_ptr())));
  }
  return absl::OkStatus();
}

absl::Status BlockStore::WriteBlock(int64_t block, const std::vector<at::Tensor>& rows) {
  RETURN_IF_ERROR(CheckBlock(block, rows));
  for (size_t h = 0; h < shards_.size(); ++h) {
    std::optional<RowShard>& shard = shards_[h][static_cast<size_t>(block)];
    if (shard) continue;
    ASSIGN_OR_RETURN(shard, Keep(h, block, rows[h]));
  }
  return absl::OkStatus();
}

absl::Status BlockStore::CheckBlock(int64_t block, const std::vector<at::Tensor>& rows) const {
  if (block < 0 || block >= options_.blocks || rows.size() != shards_.size()) {
    return absl::InternalError(absl::StrCat("block ", block, " of ", rows.size(), " hookpoints, not one of ",
                                            options_.blocks, " blocks of ", shards_.size()));
  }
  for (const at::Tensor& tensor : rows) {
    if (tensor.dim() != 2 || tensor.size(1) != options_.width || tensor.scalar_type() != options_.dtype ||
        !tensor.is_contiguous() || !tensor.device().is_cpu() || tensor.size(0) != rows.front().size(0)) {
      return absl::InternalError(absl::StrCat("block ", block, ": rows of another shape, type or place than agreed"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RowShard>> BlockStore::Keep(size_t hookpoint, int64_t block, const at::Tensor& rows) {
  const std::string& name = options_.hookpoints[hookpoint];
  for (const std::unique_ptr<RowCache>& cache : caches_) {
    std::optional<RowShard> cached = cache->Keep(name, block, BytesOf(rows));
    if (cached) return cached;
  }
  if (!options_.keep) return std::nullopt;
  if (scratch_.empty()) RETURN_IF_ERROR(OpenScratch(0));
  ASSIGN_OR_RETURN(RowShard shard, scratch_[hookpoint].Append(BytesOf(rows)));
  return shard;
}

int64_t BlockStore::shards_refused() const {
  int64_t refused = 0;
  for (const std::unique_ptr<RowCache>& cache : caches_) refused += cache->shards_refused();
  return refused;
}

absl::StatusOr<std::vector<RowStore>> BlockStore::Finish() {
  std::vector<RowStore> stores;
  for (size_t h = 0; h < shards_.size(); ++h) {
    std::vector<RowShard> shards;
    for (const std::optional<RowShard>& shard : shards_[h]) {
      if (shard) shards.push_back(*shard);
    }
    const size_t found = shards.size();
    stores.emplace_back(std::move(shards), format_);
    if (found != shards_[h].size() || stores.back().rows() != options_.rows) {
      return absl::InternalError(absl::StrCat(options_.hookpoints[h], ": ", found, " blocks with ",
                                              stores.back().rows(), " rows were kept, not ", options_.blocks, " with ",
                                              options_.rows));
    }
  }
  finished_ = true;
  return stores;
}

}  // namespace seedbed
