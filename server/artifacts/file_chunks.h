// A file of an artifact, read in chunks.
#ifndef SEEDBED_SERVER_ARTIFACTS_FILE_CHUNKS_H_
#define SEEDBED_SERVER_ARTIFACTS_FILE_CHUNKS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sha256.h"
#include "common/subprocess.h"

namespace seedbed {

// Hashes the file as it is read, so that the end of it tells whether it is what was registered. Not thread-safe.
class FileChunks {
 public:
  static constexpr size_t kChunkBytes = 1 << 20;

  // Opens `name`, a plain file of `folder` itself; a symbolic link is refused, and so is a name with a slash.
  // INVALID_ARGUMENT for such a name, otherwise as opening gives, with the path.
  static absl::StatusOr<FileChunks> Open(const std::string& folder, const std::string& name);

  // Passes over `bytes` bytes. OUT_OF_RANGE where the file ends before.
  absl::Status Skip(int64_t bytes);

  // The next kChunkBytes or what is left; empty at the end.
  absl::StatusOr<std::string> Next();

  // Once everything was read or skipped: of the whole file, as 64 hexadecimal digits.
  std::string Finish();

 private:
  FileChunks(std::string path, OwnedFd fd);
  absl::StatusOr<std::string> Read(size_t most_bytes);

  std::string path_;
  OwnedFd fd_;
  std::unique_ptr<Sha256> hash_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_ARTIFACTS_FILE_CHUNKS_H_
