// The right to write a file, which one process at a time has.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_FILE_CLAIM_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_FILE_CLAIM_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "sae/activations/rows/row_shard.h"

namespace seedbed {

// A lock on PATH.tmp, which becomes PATH when it is complete. What a process that died left in it is emptied by the
// next that claims it. Movable, not thread-safe.
class FileClaim {
 public:
  // Nothing when another process is writing the file.
  static absl::StatusOr<std::optional<FileClaim>> Take(const std::string& path);

  FileClaim(FileClaim&&) = default;
  FileClaim& operator=(FileClaim&&) = delete;
  // Removes the temporary file unless it was published.
  ~FileClaim();

  // The temporary file, empty at first.
  const RowFile& file() const { return file_; }

  // Makes it PATH and gives it away, open for reading. Without an fsync, which would hold up the training: a file that
  // a crash of the machine tore does not fit its checksum, and its rows are harvested again.
  absl::StatusOr<std::shared_ptr<const RowFile>> Publish();

 private:
  FileClaim(RowFile file, std::string path);

  RowFile file_;
  std::string path_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_FILE_CLAIM_H_
