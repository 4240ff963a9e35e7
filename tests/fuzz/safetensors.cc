// A whole safetensors file: weights of a model, or a shard of rows.
#include "sae/io/safetensors.h"

#include <sys/mman.h>
#include <unistd.h>

#include <numeric>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/fuzzing.h"

namespace seedbed {
namespace {

// A file that has no name but this one, and lives in memory.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : fd_(memfd_create("input", MFD_CLOEXEC)) {
    Require(fd_ >= 0 && write(fd_, data, size) == static_cast<ssize_t>(size), "no file in memory");
  }
  ~MemoryFile() { close(fd_); }
  std::string path() const { return absl::StrCat("/proc/self/fd/", fd_); }

 private:
  int fd_;
};

// Every byte of a tensor that passed can be read, and is as many as its shape says.
void RequireCanBeRead(const std::string& name, const TensorView& tensor) {
  Require(tensor.bytes.size() == static_cast<size_t>(tensor.elements()) * TensorTypeBytes(tensor.type),
          "a shape that does not fit its bytes", name);
  volatile unsigned sum = std::accumulate(tensor.bytes.begin(), tensor.bytes.end(), 0u);
  (void)sum;
}

}  // namespace
}  // namespace seedbed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const seedbed::MemoryFile input(data, size);
  const auto file = seedbed::SafetensorsFile::Open(input.path());
  if (!file.ok()) {
    seedbed::RequireNamesFile(file.status(), input.path());
    return 0;
  }
  for (const auto& [name, tensor] : file->tensors()) seedbed::RequireCanBeRead(name, tensor);
  return 0;
}
