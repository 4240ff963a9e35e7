// A file mapped into memory, read-only.
#ifndef SEEDBED_SAE_IO_MAPPED_FILE_H_
#define SEEDBED_SAE_IO_MAPPED_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// Movable; views stay valid when it moves, until it is destroyed. An empty file maps to an empty view.
class MappedFile {
 public:
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
