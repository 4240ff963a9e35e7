#include "client/temporary_folder.h"

#include <errno.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/status.h"

namespace seedbed {

absl::StatusOr<TemporaryFolder> TemporaryFolder::Make() {
  const char* root = getenv("TMPDIR");
  std::string folder = JoinPath(root != nullptr ? root : "/tmp", "seedbed-XXXXXX");
  if (mkdtemp(folder.data()) == nullptr) return ErrnoStatus(errno, folder);
  return TemporaryFolder(std::move(folder));
}

TemporaryFolder::~TemporaryFolder() {
  if (!path_.empty()) RemoveAll(path_).IgnoreError();
}

}  // namespace seedbed
