#include "common/file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

namespace fs = std::filesystem;

std::string ParentOf(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

absl::Status SyncPath(const std::string& path, int open_flags) {
  const int fd = open(path.c_str(), open_flags | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? absl::OkStatus() : ErrnoStatus(error, absl::StrCat("fsync ", path));
}

absl::Status SyncFolder(const std::string& path) { return SyncPath(path, O_RDONLY | O_DIRECTORY); }

absl::Status WriteWhole(int fd, absl::string_view contents, const std::string& path) {
  while (!contents.empty()) {
    const ssize_t count = write(fd, contents.data(), contents.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, absl::StrCat("write ", path));
    }
    contents.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status WriteAndSync(const std::string& path, absl::string_view contents) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(errno, path);
  absl::Status status = WriteWhole(fd, contents, path);
  if (status.ok() && fsync(fd) != 0) status = ErrnoStatus(errno, absl::StrCat("fsync ", path));
  if (close(fd) != 0 && status.ok()) status = ErrnoStatus(errno, absl::StrCat("close ", path));
  return status;
}

absl::Status FromErrorCode(const std::error_code& error, const std::string& path) {
  return error ? ErrnoStatus(error.value(), path) : absl::OkStatus();
}

}  // namespace

std::string JoinPath(absl::string_view folder, absl::string_view name) {
  return (fs::path(std::string(folder)) / std::string(name)).string();
}

bool PathExists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, path);
  absl::Cleanup closer = [fd] { close(fd); };
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, path);
  if (S_ISDIR(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder, a file is needed"));
  std::string contents;
  char buffer[1 << 16];
  ssize_t count = 0;
  while ((count = read(fd, buffer, sizeof buffer)) > 0) {
    contents.append(buffer, static_cast<size_t>(count));
    if (contents.size() > max_bytes) {
      return absl::OutOfRangeError(absl::StrCat(path, ": larger than the ", max_bytes, " bytes allowed"));
    }
  }
  if (count < 0) return ErrnoStatus(errno, path);
  return contents;
}

absl::Status WriteFileDurably(const std::string& path, absl::string_view contents) {
  static std::atomic<uint64_t> writes{0};
  const std::string temporary = absl::StrCat(path, ".", getpid(), "-", ++writes, ".tmp");
  absl::Status status = WriteAndSync(temporary, contents);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, absl::StrCat("rename ", temporary, " to ", path));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(ParentOf(path));
}

absl::Status CommitFolder(const std::string& staged, const std::string& target) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(staged));
  for (const std::string& name : names) RETURN_IF_ERROR(SyncPath(JoinPath(staged, name), O_RDONLY));
  RETURN_IF_ERROR(SyncFolder(staged));
  // A folder cannot be renamed over one that is not empty: the two change places instead.
  const bool replaces = PathExists(target);
  if (renameat2(AT_FDCWD, staged.c_str(), AT_FDCWD, target.c_str(), replaces ? RENAME_EXCHANGE : 0) != 0) {
    return ErrnoStatus(errno, absl::StrCat("rename ", staged, " to ", target));
  }
  RETURN_IF_ERROR(SyncFolder(ParentOf(target)));
  return replaces ? RemoveAll(staged) : absl::OkStatus();
}

absl::Status MakeFolders(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error && !fs::is_directory(path, error)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": is not a folder"));
  }
  return FromErrorCode(error, path);
}

absl::Status RemoveAll(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return FromErrorCode(error, path);
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path) {
  std::error_code error;
  fs::directory_iterator entries(path, error);
  RETURN_IF_ERROR(FromErrorCode(error, path));
  std::vector<std::string> names;
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    names.push_back(entries->path().filename().string());
  }
  RETURN_IF_ERROR(FromErrorCode(error, path));
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status CheckFolderWritable(const std::string& path) {
  const std::string probe = JoinPath(path, absl::StrCat(".writable.", getpid()));
  const absl::Status status = WriteAndSync(probe, "probe");
  unlink(probe.c_str());
  return status.ok() ? status : Annotate(status, absl::StrCat("folder ", path, " is not writable"));
}

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus(errno, path);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    close(fd);
    if (error == EWOULDBLOCK) return absl::FailedPreconditionError(absl::StrCat(path, ": held by another process"));
    return ErrnoStatus(error, path);
  }
  return FileLock(fd);
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace seedbed
