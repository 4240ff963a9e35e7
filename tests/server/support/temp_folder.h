// Folders for tests.
#ifndef SEEDBED_TESTS_SERVER_SUPPORT_TEMP_FOLDER_H_
#define SEEDBED_TESTS_SERVER_SUPPORT_TEMP_FOLDER_H_

#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "common/file.h"
#include "gtest/gtest.h"

namespace seedbed {

// Made anew, removed with all that is in it.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = JoinPath(testing::TempDir(), "seedbed.XXXXXX");
    path_ = mkdtemp(pattern.data());
  }
  ~TempFolder() { RemoveAll(path_).IgnoreError(); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return JoinPath(path_, name); }

 private:
  std::string path_;
};

// A folder in which nobody can make a file, not even root.
inline std::string ReadOnlyFolder() { return "/sys"; }

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_SUPPORT_TEMP_FOLDER_H_
