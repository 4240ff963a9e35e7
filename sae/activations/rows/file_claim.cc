#include "sae/activations/rows/file_claim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/activations/rows/advisory_lock.h"

namespace seedbed {

absl::StatusOr<std::optional<FileClaim>> FileClaim::Take(const std::string& path) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  OwnedFd fd(open(temporary.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.valid()) return ErrnoStatus(errno, temporary);
  ASSIGN_OR_RETURN(const bool locked, Lock(fd, LOCK_EX | LOCK_NB, temporary));
  // The one who held the lock before may have published this very file in the meantime.
  if (!locked || !IsNamed(fd, temporary)) return std::optional<FileClaim>();
  FileClaim claim(RowFile{std::move(fd), temporary}, path);
  if (ftruncate(claim.file_.fd.get(), 0) != 0) return ErrnoStatus(errno, temporary);
  return std::optional<FileClaim>(std::move(claim));
}

FileClaim::FileClaim(RowFile file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

FileClaim::~FileClaim() {
  if (file_.fd.valid()) unlink(file_.path.c_str());
}

absl::StatusOr<std::shared_ptr<const RowFile>> FileClaim::Publish() {
  if (rename(file_.path.c_str(), path_.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("rename ", file_.path, " to ", path_));
  }
  RETURN_IF_ERROR(Lock(file_.fd, LOCK_UN, path_).status());
  return std::make_shared<const RowFile>(RowFile{std::move(file_.fd), path_});
}

}  // namespace seedbed
