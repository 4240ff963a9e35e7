#include "sae/activations/rows/row_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/logging.h"
#include "common/status.h"
#include "sae/activations/rows/advisory_lock.h"
#include "sae/activations/rows/block_shard.h"
#include "sae/activations/rows/cache_room.h"
#include "sae/activations/rows/file_claim.h"
#include "sae/activations/rows/file_writing.h"

namespace seedbed {
namespace {

constexpr size_t kMostFactsBytes = size_t{1} << 20;

// Locks the folder against removal, making it where it is missing.
absl::StatusOr<OwnedFd> LockFolder(const std::string& folder) {
  for (;;) {
    RETURN_IF_ERROR(MakeFolders(folder));
    OwnedFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) continue;  // Removed to make room for another stream.
    if (!fd.valid()) return ErrnoStatus(errno, folder);
    RETURN_IF_ERROR(Lock(fd, LOCK_SH, folder).status());
    if (IsNamed(fd, folder)) return fd;
  }
}

// Whether the file itself is wrong, and not this process's way to it.
bool IsWrong(const absl::Status& status) { return absl::IsInvalidArgument(status) || absl::IsDataLoss(status); }

}  // namespace

absl::StatusOr<std::unique_ptr<RowCache>> RowCache::Open(RowCacheOptions options, RowFormat format) {
  if (!IsStreamKey(options.key)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cache.key is \"", options.key, "\"; must be 64 lower-case hexadecimal digits"));
  }
  std::unique_ptr<RowCache> cache(new RowCache(std::move(options), format));
  const absl::Status opened = cache->OpenStream();
  if (!opened.ok()) {
    cache->StopKeeping(opened.message());
    return cache;
  }
  RETURN_IF_ERROR(cache->CheckFacts());
  return cache;
}

RowCache::RowCache(RowCacheOptions options, RowFormat format)
    : options_(std::move(options)), format_(format), folder_(JoinPath(options_.dir, options_.key)) {}

absl::Status RowCache::OpenStream() {
  ASSIGN_OR_RETURN(lock_, LockFolder(folder_));
  utimensat(AT_FDCWD, folder_.c_str(), nullptr, 0);  // Used just now. It may fail where the folder is only read.
  return absl::OkStatus();
}

absl::Status RowCache::CheckFacts() {
  const std::string path = JoinPath(folder_, "stream.json");
  const absl::StatusOr<std::string> facts = ReadFile(path, kMostFactsBytes);
  if (absl::IsNotFound(facts.status())) {
    const absl::Status written = WriteFileDurably(path, options_.facts);
    if (!written.ok()) StopKeeping(written.message());
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(facts.status());
  if (*facts == options_.facts) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": states other facts than those of this stream, although the key is the same: remove ",
                   folder_, " or choose another cache.dir"));
}

std::optional<RowShard> RowCache::Find(const std::string& hookpoint, int64_t block, std::optional<int64_t> rows) {
  if (!lock_.valid()) return std::nullopt;
  const std::string path = PathOf(hookpoint, block);
  const absl::StatusOr<RowShard> shard = OpenBlockShard(path, {options_.key, hookpoint, block}, format_, rows);
  if (shard.ok()) return *shard;
  if (absl::IsNotFound(shard.status())) return std::nullopt;
  ++shards_refused_;
  Log(LogLevel::kWarning, "cached activations refused", {{"file", path}, {"reason", shard.status().message()}});
  if (IsWrong(shard.status())) unlink(path.c_str());
  return std::nullopt;
}

std::optional<RowShard> RowCache::Keep(const std::string& hookpoint, int64_t block, absl::string_view rows) {
  if (!keeps_rows_) return std::nullopt;
  absl::StatusOr<std::optional<RowShard>> kept = TryToKeep(hookpoint, block, rows);
  if (kept.ok()) return *std::move(kept);
  StopKeeping(kept.status().message());
  return std::nullopt;
}

absl::StatusOr<std::optional<RowShard>> RowCache::TryToKeep(const std::string& hookpoint, int64_t block,
                                                            absl::string_view rows) {
  const std::string path = PathOf(hookpoint, block);
  RETURN_IF_ERROR(MakeFolders(JoinPath(folder_, hookpoint)));
  ASSIGN_OR_RETURN(std::optional<FileClaim> claim, FileClaim::Take(path));
  if (!claim) return std::nullopt;
  const auto rows_bytes = static_cast<int64_t>(rows.size());
  const int64_t row_count = rows_bytes / format_.row_bytes();
  // Another process may have written it since this one looked.
  std::optional<RowShard> written = Find(hookpoint, block, row_count);
  if (written) return written;

  ASSIGN_OR_RETURN(const std::string prefix, BlockShardPrefix({options_.key, hookpoint, block}, format_, rows));
  const auto prefix_bytes = static_cast<int64_t>(prefix.size());
  ASSIGN_OR_RETURN(const bool fits, ReserveRoom(claim->file(), prefix_bytes + rows_bytes));
  if (!fits) {
    StopKeeping(absl::StrCat(options_.dir, ": is full: cache.max_bytes is ", options_.max_bytes));
    return std::nullopt;
  }
  RETURN_IF_ERROR(WriteAt(claim->file(), 0, prefix));
  RETURN_IF_ERROR(WriteAt(claim->file(), prefix_bytes, rows));
  ASSIGN_OR_RETURN(std::shared_ptr<const RowFile> file, claim->Publish());
  return RowShard(std::move(file), prefix_bytes, row_count, format_);
}

absl::StatusOr<bool> RowCache::ReserveRoom(const RowFile& file, int64_t bytes) const {
  if (options_.max_bytes == RowCacheOptions::kNoBound) {
    RETURN_IF_ERROR(ReservePlace(file, bytes));
    return true;
  }
  // One process at a time counts and reserves, or two would take the same room.
  const std::string path = JoinPath(options_.dir, ".lock");
  const OwnedFd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock.valid()) return ErrnoStatus(errno, path);
  RETURN_IF_ERROR(Lock(lock, LOCK_EX, path).status());
  if (!MakeRoom(options_.dir, bytes, options_.max_bytes)) return false;
  // Also where the file system reserves nothing, the length is counted.
  if (ftruncate(file.fd.get(), bytes) != 0) return ErrnoStatus(errno, file.path);
  RETURN_IF_ERROR(ReservePlace(file, bytes));
  return true;
}

void RowCache::StopKeeping(absl::string_view reason) {
  if (!std::exchange(keeps_rows_, false)) return;
  Log(LogLevel::kWarning, "activations are not cached any more", {{"folder", folder_}, {"reason", reason}});
}

std::string RowCache::PathOf(const std::string& hookpoint, int64_t block) const {
  return JoinPath(JoinPath(folder_, hookpoint), BlockShardName(block));
}

}  // namespace seedbed
