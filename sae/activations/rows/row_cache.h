// One stream's rows in a folder that outlives the training, for later sweeps (docs/formats.md, "Activation cache").
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_CACHE_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_CACHE_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/subprocess.h"
#include "sae/activations/rows/row_shard.h"

namespace seedbed {

struct RowCacheOptions {
  static constexpr int64_t kNoBound = std::numeric_limits<int64_t>::max();

  std::string dir;        // Made where it is missing.
  int64_t max_bytes = 0;  // Of everything in dir; with kNoBound nothing is counted and nothing removed.
  std::string key;        // Of the stream: 64 lower-case hexadecimal digits.
  std::string facts;      // What the key stands for, as JSON, for people: DIR/KEY/stream.json.
};

// Any number of processes may use a folder at once. While one has a stream open (a shared flock on DIR/KEY), no other
// removes it. A cache that can't be written, or not any more, is a warning in the log, once, and goes on to be read.
// Not thread-safe.
class RowCache {
 public:
  // INVALID_ARGUMENT for a key that is none; FAILED_PRECONDITION, naming the file, when DIR/KEY/stream.json states
  // other facts.
  static absl::StatusOr<std::unique_ptr<RowCache>> Open(RowCacheOptions options, RowFormat format);

  // A shard is read whole and compared with its checksum. One that is not what it should be is removed; one that can't
  // be read is left alone. Either is logged as a warning that names it and says why, and is then as absent. `rows`: as
  // many as there must be, where that is known.
  std::optional<RowShard> Find(const std::string& hookpoint, int64_t block, std::optional<int64_t> rows);

  // Keeps `rows`, the bytes of whole rows of the stream's format. Nothing when they were not kept: the folder is full
  // or can't be written, or another process is writing them. Once it is full, no more rows are kept, so that those of
  // the stream's first blocks are.
  std::optional<RowShard> Keep(const std::string& hookpoint, int64_t block, absl::string_view rows);

  bool keeps_rows() const { return keeps_rows_; }
  int64_t shards_refused() const { return shards_refused_; }

 private:
  RowCache(RowCacheOptions options, RowFormat format);

  absl::Status OpenStream();
  absl::Status CheckFacts();
  absl::StatusOr<std::optional<RowShard>> TryToKeep(const std::string& hookpoint, int64_t block,
                                                    absl::string_view rows);
  // Makes the file so long that others count it. False when the folder is full.
  absl::StatusOr<bool> ReserveRoom(const RowFile& file, int64_t bytes) const;
  void StopKeeping(absl::string_view reason);
  std::string PathOf(const std::string& hookpoint, int64_t block) const;

  RowCacheOptions options_;
  RowFormat format_;
  std::string folder_;  // DIR/KEY.
  OwnedFd lock_;        // On it.
  bool keeps_rows_ = true;
  int64_t shards_refused_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_CACHE_H_
