// Rows of one hookpoint that lie one after another in a file.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_SHARD_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_SHARD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/subprocess.h"
#include "sae/io/safetensors.h"

namespace seedbed {

// A file that is open for reading.
struct RowFile {
  OwnedFd fd;
  std::string path;
};

// What rows are made of.
struct RowFormat {
  int64_t width = 0;  // Values in a row, >= 1.
  TensorType type = TensorType::kF32;

  int64_t row_bytes() const { return width * static_cast<int64_t>(TensorTypeBytes(type)); }
};

// Immutable, thread-safe, cheap to copy. Read with pread and not mapped: a file that somebody shortens and a disk that
// fails are then errors and not signals, and pages of the file do not count as the process's memory.
class RowShard {
 public:
  // Rows from byte `offset` on; the caller has checked that they are there.
  RowShard(std::shared_ptr<const RowFile> file, int64_t offset, int64_t rows, RowFormat format);

  // The rows of a two-dimensional tensor of a row type that SafetensorsFile has found in the file. INVALID_ARGUMENT
  // when the file has become shorter since.
  static absl::StatusOr<RowShard> Open(const std::string& path, const TensorView& tensor);

  const std::string& path() const { return file_->path; }
  int64_t rows() const { return rows_; }
  const RowFormat& format() const { return format_; }

  // Copies values [first, first + count), counted from the first row's first, as they are on disk. DATA_LOSS, naming
  // the file, when it ends before them; otherwise what the kernel says.
  absl::Status Read(int64_t first, int64_t count, void* out) const;

  // Asks the kernel to have rows [first, first + count) in memory soon.
  void Prefetch(int64_t first, int64_t count) const;

  // Tells the kernel that what lies behind a row is of no use when it is read. Holds for the whole file.
  void ExpectRandomReads() const;

 private:
  std::shared_ptr<const RowFile> file_;
  int64_t offset_;
  int64_t rows_;
  RowFormat format_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_SHARD_H_
