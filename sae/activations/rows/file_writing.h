// Writing rows into files whose place is reserved beforehand.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_FILE_WRITING_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_FILE_WRITING_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sae/activations/rows/row_shard.h"

namespace seedbed {

// Reserves the file's first `bytes` bytes where the file system can, and otherwise leaves it as it is. Errors, here and
// below, name the file; RESOURCE_EXHAUSTED when the disk is full or the file may not grow so far.
absl::Status ReservePlace(const RowFile& file, int64_t bytes);

// Writes all of `bytes` at `offset`.
absl::Status WriteAt(const RowFile& file, int64_t offset, absl::string_view bytes);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_FILE_WRITING_H_
