// The rows of one hookpoint on disk: raw float32, row after row.
#ifndef SEEDBED_SAE_ACTIVATIONS_SPOOL_H_
#define SEEDBED_SAE_ACTIVATIONS_SPOOL_H_

#include <cstdint>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/subprocess.h"
#include "sae/io/mapped_file.h"

namespace seedbed {

// Read-only once it is there; thread-safe.
class SpooledRows {
 public:
  SpooledRows(MappedFile file, int64_t rows, int64_t width);

  int64_t rows() const { return rows_; }
  const float* Row(int64_t row) const;

  // Asks the kernel to have the row in memory soon.
  void Prefetch(int64_t row) const;
  // The file may not fit in memory, so that asking beforehand pays.
  bool larger_than_memory() const { return larger_than_memory_; }

 private:
  MappedFile file_;
  int64_t rows_;
  int64_t width_;
  bool larger_than_memory_;
};

// Errors name the file; RESOURCE_EXHAUSTED when the disk is full or the file may not grow so far. The file is removed
// when it can't be finished. Not thread-safe.
class SpoolWriter {
 public:
  // Makes the file and reserves the place of `rows` rows of `width` floats where the file system can, so that a disk
  // that is too small is found before anything is computed.
  static absl::StatusOr<SpoolWriter> Create(const std::string& path, int64_t rows, int64_t width);

  SpoolWriter(SpoolWriter&&) = default;
  SpoolWriter& operator=(SpoolWriter&&) = default;
  ~SpoolWriter();

  // Appends `rows`: float32 [any, width], contiguous, on the CPU.
  absl::Status Append(const at::Tensor& rows);

  // Maps the file, which now has all its rows. The writer is of no more use.
  absl::StatusOr<SpooledRows> Finish();

 private:
  SpoolWriter(OwnedFd fd, std::string path, int64_t rows, int64_t width);
  int64_t file_bytes() const { return rows_ * width_ * static_cast<int64_t>(sizeof(float)); }

  OwnedFd fd_;
  std::string path_;
  int64_t rows_;
  int64_t width_;
  int64_t written_bytes_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SPOOL_H_
