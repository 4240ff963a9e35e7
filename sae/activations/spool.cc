#include "sae/activations/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

int64_t PhysicalMemoryBytes() { return int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE); }

absl::Status SpoolError(int error, const std::string& path, int64_t bytes) {
  const std::string context = absl::StrCat("spool ", path, " of ", bytes, " bytes");
  // A limit on the size of files is as good as a full disk.
  if (error == EFBIG) return absl::ResourceExhaustedError(absl::StrCat(context, ": larger than a file may be here"));
  return ErrnoStatus(error, context);
}

bool CannotReserve(int error) { return error == EOPNOTSUPP || error == ENODEV || error == ENOSYS || error == ESPIPE; }

}  // namespace

SpooledRows::SpooledRows(MappedFile file, int64_t rows, int64_t width)
    : file_(std::move(file)),
      rows_(rows),
      width_(width),
      larger_than_memory_(static_cast<int64_t>(file_.bytes().size()) > PhysicalMemoryBytes() / 2) {
  // Rows are read in a random order, so what lies behind one is of no use.
  madvise(const_cast<char*>(file_.bytes().data()), file_.bytes().size(), MADV_RANDOM);
}

const float* SpooledRows::Row(int64_t row) const {
  return reinterpret_cast<const float*>(file_.bytes().data()) + row * width_;
}

void SpooledRows::Prefetch(int64_t row) const {
  static const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(Row(row));
  const uintptr_t page_begin = begin / page * page;
  const uintptr_t end = begin + static_cast<uintptr_t>(width_) * sizeof(float);
  madvise(reinterpret_cast<void*>(page_begin), end - page_begin, MADV_WILLNEED);
}

absl::StatusOr<SpoolWriter> SpoolWriter::Create(const std::string& path, int64_t rows, int64_t width) {
  const int64_t bytes = rows * width * static_cast<int64_t>(sizeof(float));
  OwnedFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return SpoolError(errno, path, bytes);
  SpoolWriter writer(std::move(fd), path, rows, width);
  if (fallocate(writer.fd_.get(), 0, 0, bytes) != 0 && !CannotReserve(errno)) {
    return SpoolError(errno, path, bytes);
  }
  return writer;
}

SpoolWriter::SpoolWriter(OwnedFd fd, std::string path, int64_t rows, int64_t width)
    : fd_(std::move(fd)), path_(std::move(path)), rows_(rows), width_(width) {}

SpoolWriter::~SpoolWriter() {
  if (fd_.valid()) unlink(path_.c_str());
}

absl::Status SpoolWriter::Append(const at::Tensor& rows) {
  absl::string_view left(static_cast<const char*>(rows.const_data_ptr()), rows.nbytes());
  while (!left.empty()) {
    const ssize_t count = write(fd_.get(), left.data(), left.size());
    if (count >= 0) {
      left.remove_prefix(static_cast<size_t>(count));
      written_bytes_ += count;
    } else if (errno != EINTR) {
      return SpoolError(errno, path_, file_bytes());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SpooledRows> SpoolWriter::Finish() {
  if (written_bytes_ != file_bytes()) {
    return absl::InternalError(
        absl::StrCat("spool ", path_, ": ", written_bytes_, " bytes were written, not ", file_bytes()));
  }
  ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path_));
  fd_.Close();
  return SpooledRows(std::move(file), rows_, width_);
}

}  // namespace seedbed
