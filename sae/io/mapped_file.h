// A file mapped into memory, read-only.
#ifndef SEEDBED_SAE_IO_MAPPED_FILE_H_
#define SEEDBED_SAE_IO_MAPPED_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// Movable; views stay valid when it moves, until it is destroyed. An empty file maps to an empty view. A file that is
// shortened by somebody while it is mapped raises SIGBUS on a read beyond its new end: files are replaced by rename,
// never rewritten in place.
class MappedFile {
 public:
  // NOT_FOUND or PERMISSION_DENIED as the kernel says; INVALID_ARGUMENT for what is not a regular file. Never waits.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  absl::string_view bytes() const { return bytes_; }

 private:
  absl::string_view bytes_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_IO_MAPPED_FILE_H_
