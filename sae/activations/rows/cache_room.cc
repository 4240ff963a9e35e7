#include "sae/activations/rows/cache_room.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/logging.h"
#include "common/subprocess.h"
#include "sae/activations/rows/advisory_lock.h"

namespace seedbed {
namespace {

struct CachedStream {
  timespec used;  // When it was opened last.
  std::string path;
};

bool UsedEarlier(const CachedStream& a, const CachedStream& b) {
  return std::tie(a.used.tv_sec, a.used.tv_nsec, a.path) < std::tie(b.used.tv_sec, b.used.tv_nsec, b.path);
}

std::vector<CachedStream> StreamsByLastUse(const std::string& dir) {
  std::vector<CachedStream> streams;
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(dir);
  if (!names.ok()) return streams;
  for (const std::string& name : *names) {
    const std::string path = JoinPath(dir, name);
    struct stat info;
    if (!IsStreamKey(name) || lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    streams.push_back({info.st_mtim, path});
  }
  std::sort(streams.begin(), streams.end(), UsedEarlier);
  return streams;
}

// False when a process uses it or it can't be removed.
bool RemoveUnused(const std::string& stream) {
  const OwnedFd fd(open(stream.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return false;
  const absl::StatusOr<bool> locked = Lock(fd, LOCK_EX | LOCK_NB, stream);
  if (!locked.ok() || !*locked || !RemoveAll(stream).ok()) return false;
  Log(LogLevel::kInfo, "cached activations removed to make room", {{"folder", stream}});
  return true;
}

}  // namespace

bool IsStreamKey(absl::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

int64_t BytesUnder(const std::string& folder) {
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(folder);
  if (!names.ok()) return 0;
  int64_t bytes = 0;
  for (const std::string& name : *names) {
    const std::string path = JoinPath(folder, name);
    struct stat info;
    if (lstat(path.c_str(), &info) != 0) continue;
    bytes += S_ISDIR(info.st_mode) ? BytesUnder(path) : int64_t{info.st_size};
  }
  return bytes;
}

bool MakeRoom(const std::string& dir, int64_t needed, int64_t max_bytes) {
  int64_t used = BytesUnder(dir);
  if (needed + used <= max_bytes) return true;
  for (const CachedStream& stream : StreamsByLastUse(dir)) {
    const int64_t bytes = BytesUnder(stream.path);
    if (RemoveUnused(stream.path)) used -= bytes;
    if (needed + used <= max_bytes) return true;
  }
  return false;
}

}  // namespace seedbed
