#include "sae/activations/rows/scratch_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/status.h"
#include "sae/activations/rows/file_writing.h"

namespace seedbed {

absl::StatusOr<ScratchFile> ScratchFile::Create(const std::string& path, int64_t rows, RowFormat format) {
  OwnedFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  auto file = std::make_shared<const RowFile>(RowFile{std::move(fd), path});
  const absl::Status reserved = ReservePlace(*file, rows * format.row_bytes());
  if (!reserved.ok()) {
    unlink(path.c_str());
    return reserved;
  }
  return ScratchFile(std::move(file), format);
}

ScratchFile::ScratchFile(std::shared_ptr<const RowFile> file, RowFormat format)
    : file_(std::move(file)), format_(format) {}

absl::StatusOr<RowShard> ScratchFile::Append(absl::string_view bytes) {
  RETURN_IF_ERROR(WriteAt(*file_, end_, bytes));
  const RowShard shard(file_, end_, static_cast<int64_t>(bytes.size()) / format_.row_bytes(), format_);
  end_ += static_cast<int64_t>(bytes.size());
  return shard;
}

}  // namespace seedbed
