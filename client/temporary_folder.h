// A folder for what a command needs while it runs.
#ifndef SEEDBED_CLIENT_TEMPORARY_FOLDER_H_
#define SEEDBED_CLIENT_TEMPORARY_FOLDER_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace seedbed {

// Made in TMPDIR, or /tmp; removed with all that is in it when it goes.
class TemporaryFolder {
 public:
  // Errors: as making it gives, with the path.
  static absl::StatusOr<TemporaryFolder> Make();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, std::string())) {}
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~TemporaryFolder();

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_TEMPORARY_FOLDER_H_
