// A folder of activations that any program may have written (docs/formats.md, "Folder of activations").
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_FOLDER_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_FOLDER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/activations/rows/row_store.h"

namespace seedbed {

// The rows of all *.safetensors in the folder, in the order of their names. Reads headers alone. Errors name the file,
// what was found and what is allowed: no such file; a file without exactly one two-dimensional tensor (others are left
// alone); one that is not F32, BF16 or F16, or not of the same type and width as the first file's; a width other than
// `width`, where that is given; no row at all.
absl::StatusOr<RowStore> OpenRowFolder(const std::string& folder, std::optional<int64_t> width);

// Reads all rows. INVALID_ARGUMENT, naming file, row and column of the first value that is not finite; as
// RowShard::Read.
absl::Status CheckFinite(const RowStore& rows);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_FOLDER_H_
