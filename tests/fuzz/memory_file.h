// A file that lives in memory, for readers that take a path.
#ifndef SEEDBED_TESTS_FUZZ_MEMORY_FILE_H_
#define SEEDBED_TESTS_FUZZ_MEMORY_FILE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/fuzzing.h"

namespace seedbed {

class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("input", MFD_CLOEXEC)) { Require(fd_ >= 0, "no file in memory"); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(fd_); }

  // Replaces its contents.
  void Write(const uint8_t* data, size_t size) {
    Require(ftruncate(fd_, 0) == 0 && pwrite(fd_, data, size, 0) == static_cast<ssize_t>(size), "no room in memory");
  }

  std::string path() const { return absl::StrCat("/proc/self/fd/", fd_); }

 private:
  int fd_;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_FUZZ_MEMORY_FILE_H_
