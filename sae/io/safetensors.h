// The safetensors format (docs/formats.md; huggingface/safetensors, README "Format"): an 8-byte little-endian header
// length, a JSON header, then the tensors' bytes. Knows no LibTorch.
#ifndef SEEDBED_SAE_IO_SAFETENSORS_H_
#define SEEDBED_SAE_IO_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/io/mapped_file.h"

namespace seedbed {

enum class TensorType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

// "F32" etc., as the header writes it.
absl::string_view TensorTypeName(TensorType type);
size_t TensorTypeBytes(TensorType type);

struct TensorView {
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;  // Row-major; {} is a scalar.
  absl::string_view bytes;     // In the mapped file; need not be aligned.
  int64_t file_offset = 0;     // Of the bytes, for who reads the file instead of its mapping.
  int64_t elements() const;
};

// A file, checked whole when it is opened and mapped into memory read-only. Thread-safe after that.
//
// Refused with INVALID_ARGUMENT, naming the file and the tensor: a header longer than the file or than 100 MB, JSON
// that does not parse, is nested deeper than the format needs or names a tensor twice, an unknown dtype, a negative or
// overflowing shape, offsets that run backwards, beyond the file, over one another or leave holes, and a shape that
// does not fit its bytes.
class SafetensorsFile {
 public:
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // NOT_FOUND, naming file and tensor.
  absl::StatusOr<TensorView> Find(const std::string& name) const;

 private:
  std::string path_;
  MappedFile file_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

struct TensorToWrite {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;
  absl::string_view bytes;
};

// What such a file begins with, before the tensors' bytes: the header and its length. `tensors` are sorted by name.
absl::StatusOr<std::string> SafetensorsPrefix(const std::vector<TensorToWrite>& tensors,
                                              const std::map<std::string, std::string>& metadata);

// Writes the file at `path` (not durably: the caller commits the folder). The same input gives the same bytes: tensors
// sorted by name, header padded with spaces to a multiple of 8 so that data is aligned. Removes the file on failure.
absl::Status WriteSafetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                              const std::map<std::string, std::string>& metadata);

}  // namespace seedbed

#endif  // SEEDBED_SAE_IO_SAFETENSORS_H_
