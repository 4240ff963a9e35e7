#include "server/artifacts/file_chunks.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/status.h"

namespace seedbed {
namespace {

bool IsPlainName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

}  // namespace

FileChunks::FileChunks(std::string path, OwnedFd fd)
    : path_(std::move(path)), fd_(std::move(fd)), hash_(std::make_unique<Sha256>()) {}

absl::StatusOr<FileChunks> FileChunks::Open(const std::string& folder, const std::string& name) {
  if (!IsPlainName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("name: is ", Quoted(name), "; must be that of a file of the artifact's folder itself"));
  }
  std::string path = JoinPath(folder, name);
  OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, path);
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrCat(path, ": is no plain file"));
  return FileChunks(std::move(path), std::move(fd));
}

absl::StatusOr<std::string> FileChunks::Read(size_t most_bytes) {
  std::string data(most_bytes, '\0');
  size_t filled = 0;
  while (filled < most_bytes) {
    const ssize_t count = read(fd_.get(), data.data() + filled, most_bytes - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, path_);
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  data.resize(filled);
  hash_->Update(data);
  return data;
}

absl::Status FileChunks::Skip(int64_t bytes) {
  for (int64_t left = bytes; left > 0;) {
    ASSIGN_OR_RETURN(const std::string data, Read(static_cast<size_t>(std::min<int64_t>(left, kChunkBytes))));
    if (data.empty()) {
      return absl::OutOfRangeError(absl::StrCat(path_, ": has ", bytes - left, " bytes; offset is ", bytes));
    }
    left -= static_cast<int64_t>(data.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> FileChunks::Next() { return Read(kChunkBytes); }

std::string FileChunks::Finish() { return hash_->Finish(); }

}  // namespace seedbed
