#include "sae/activations/rows/file_writing.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

bool CannotReserve(int error) { return error == EOPNOTSUPP || error == ENODEV || error == ENOSYS || error == ESPIPE; }

// For a file that was to have `bytes` bytes.
absl::Status WritingError(int error, const RowFile& file, int64_t bytes) {
  const std::string context = absl::StrCat("write ", file.path, " of ", bytes, " bytes");
  // A limit on the size of files is as good as a full disk.
  if (error == EFBIG) return absl::ResourceExhaustedError(absl::StrCat(context, ": larger than a file may be here"));
  return ErrnoStatus(error, context);
}

}  // namespace

absl::Status ReservePlace(const RowFile& file, int64_t bytes) {
  if (bytes == 0 || fallocate(file.fd.get(), 0, 0, bytes) == 0 || CannotReserve(errno)) return absl::OkStatus();
  return WritingError(errno, file, bytes);
}

absl::Status WriteAt(const RowFile& file, int64_t offset, absl::string_view bytes) {
  const int64_t end = offset + static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t count = pwrite(file.fd.get(), bytes.data(), bytes.size(), end - static_cast<int64_t>(bytes.size()));
    if (count < 0 && errno != EINTR) return WritingError(errno, file, end);
    if (count > 0) bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace seedbed
