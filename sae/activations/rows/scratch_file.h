// The rows of one hookpoint that are kept for the later epochs and for nothing else: raw values, row after row.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_SCRATCH_FILE_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_SCRATCH_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/activations/rows/row_shard.h"

namespace seedbed {

// Errors name the file; RESOURCE_EXHAUSTED when the disk is full or the file may not grow so far. Not thread-safe.
class ScratchFile {
 public:
  // Makes the file and reserves the place of `rows` rows where the file system can, so that a disk that is too small is
  // found before anything is computed. More rows may be appended than were reserved. A file that can't be made is not
  // left behind.
  static absl::StatusOr<ScratchFile> Create(const std::string& path, int64_t rows, RowFormat format);

  // `bytes`: of whole rows. The shard keeps the file open and can be read at once.
  absl::StatusOr<RowShard> Append(absl::string_view bytes);

 private:
  ScratchFile(std::shared_ptr<const RowFile> file, RowFormat format);

  std::shared_ptr<const RowFile> file_;
  RowFormat format_;
  int64_t end_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_SCRATCH_FILE_H_
