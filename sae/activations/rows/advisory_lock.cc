#include "sae/activations/rows/advisory_lock.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {

absl::StatusOr<bool> Lock(const OwnedFd& fd, int operation, const std::string& path) {
  while (flock(fd.get(), operation) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return ErrnoStatus(errno, absl::StrCat("flock ", path));
  }
  return true;
}

bool IsNamed(const OwnedFd& fd, const std::string& path) {
  struct stat open_file;
  struct stat named;
  return fstat(fd.get(), &open_file) == 0 && lstat(path.c_str(), &named) == 0 && open_file.st_dev == named.st_dev &&
         open_file.st_ino == named.st_ino;
}

}  // namespace seedbed
