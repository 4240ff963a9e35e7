// A whole safetensors file: weights of a model, or a shard of rows.
#include "sae/io/safetensors.h"

#include <numeric>

#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/memory_file.h"

namespace seedbed {
namespace {

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
  static seedbed::MemoryFile input;
  input.Write(data, size);
  const auto file = seedbed::SafetensorsFile::Open(input.path());
  if (!file.ok()) {
    seedbed::RequireNamesFile(file.status(), input.path());
    return 0;
  }
  for (const auto& [name, tensor] : file->tensors()) seedbed::RequireCanBeRead(name, tensor);
  return 0;
}
