// Files that are complete or absent. Every error names the path.
//
// A durable write: write a temporary file beside the target, fsync it, rename it over the target, fsync the folder.
// On failure the temporary file is removed and the target is as it was.
#ifndef SEEDBED_COMMON_FILE_H_
#define SEEDBED_COMMON_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

std::string JoinPath(absl::string_view folder, absl::string_view name);

bool PathExists(const std::string& path);

// Refuses a file larger than `max_bytes` with OUT_OF_RANGE.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes = size_t{1} << 30);

// Durable, as above.
absl::Status WriteFileDurably(const std::string& path, absl::string_view contents);

// Fsyncs every file in `staged` (a flat folder) and the folder itself, then makes it `target`, replacing a folder of
// that name in one step. What was there before is removed afterwards.
absl::Status CommitFolder(const std::string& staged, const std::string& target);

// Makes the folder and its parents; an existing one is fine.
absl::Status MakeFolders(const std::string& path);

// Removes a file or a folder with all that is in it; a missing one is fine. Does not follow symbolic links.
absl::Status RemoveAll(const std::string& path);

// Names (not paths) in a folder, sorted, without "." and "..".
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path);

// Makes a file and removes it again: PERMISSION_DENIED or RESOURCE_EXHAUSTED where that can't be done.
absl::Status CheckFolderWritable(const std::string& path);

// Holds an exclusive flock() on a file until destroyed. The kernel drops it when the process dies.
class FileLock {
 public:
  // FAILED_PRECONDITION when another process holds it; never waits.
  static absl::StatusOr<FileLock> Acquire(const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace seedbed

#endif  // SEEDBED_COMMON_FILE_H_
