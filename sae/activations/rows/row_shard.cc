#include "sae/activations/rows/row_shard.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {

RowShard::RowShard(std::shared_ptr<const RowFile> file, int64_t offset, int64_t rows, RowFormat format)
    : file_(std::move(file)), offset_(offset), rows_(rows), format_(format) {}

absl::StatusOr<RowShard> RowShard::Open(const std::string& path, const TensorView& tensor) {
  OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, path);
  if (info.st_size < tensor.file_offset + static_cast<int64_t>(tensor.bytes.size())) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": was cut off while it was opened"));
  }
  auto file = std::make_shared<RowFile>(RowFile{std::move(fd), path});
  return RowShard(std::move(file), tensor.file_offset, tensor.shape[0], {tensor.shape[1], tensor.type});
}

absl::Status RowShard::Read(int64_t first, int64_t count, void* out) const {
  const auto value_bytes = static_cast<int64_t>(TensorTypeBytes(format_.type));
  int64_t position = offset_ + first * value_bytes;
  auto* next = static_cast<char*>(out);
  int64_t left = count * value_bytes;
  while (left > 0) {
    const ssize_t read = pread(file_->fd.get(), next, static_cast<size_t>(left), position);
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return ErrnoStatus(errno, absl::StrCat("read ", file_->path));
    if (read == 0) {
      return absl::DataLossError(
          absl::StrCat(file_->path, ": ends at byte ", position, ": it was cut off while it was in use"));
    }
    position += read;
    next += read;
    left -= read;
  }
  return absl::OkStatus();
}

void RowShard::Prefetch(int64_t first, int64_t count) const {
  posix_fadvise(file_->fd.get(), offset_ + first * format_.row_bytes(), count * format_.row_bytes(),
                POSIX_FADV_WILLNEED);
}

void RowShard::ExpectRandomReads() const { posix_fadvise(file_->fd.get(), 0, 0, POSIX_FADV_RANDOM); }

}  // namespace seedbed
