// The batches that a folder of activations makes (activation_stream.h defines them). No language model, no other rank.
#ifndef SEEDBED_SAE_ACTIVATIONS_FOLDER_STREAM_H_
#define SEEDBED_SAE_ACTIVATIONS_FOLDER_STREAM_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "sae/activations/activation_stream.h"
#include "sae/activations/rows/row_store.h"
#include "sae/activations/rows/shuffled_rows.h"
#include "sae/activations/stream_config.h"

namespace seedbed {

struct FolderStreamParts {
  std::vector<RowStore> stores;  // By hookpoint hosted here, each of at least config.rows_per_epoch() rows.
  std::vector<int> hosted;       // Their hookpoints, ascending.
  int hookpoints = 0;
  Clock* clock = nullptr;  // Outlives the stream.
};

class FolderStream final : public ActivationStream {
 public:
  // `config` has been checked (stream_check.h). Errors: as RowStore::CopyRows and RowScale::Get; INVALID_ARGUMENT for a
  // start of another stream.
  static absl::StatusOr<std::unique_ptr<ActivationStream>> Create(const StreamConfig& config, FolderStreamParts parts,
                                                                  const StreamStart& start = {});

  absl::StatusOr<bool> Next(Batch* batch) override;
  bool harvested() const override { return true; }
  int64_t gang_tokens_harvested() const override { return 0; }
  int64_t tokens_to_harvest() const override { return 0; }
  StreamCounters counters() const override { return counters_; }
  const BatchHash& hash(int hookpoint) const override { return hashes_[hookpoint]; }
  StateTensors State(int hookpoint) override { return {{"hash", hashes_[static_cast<size_t>(hookpoint)].State()}}; }
  float scale(int hookpoint) const override;

 private:
  FolderStream(const StreamConfig& config, FolderStreamParts parts, std::vector<float> scales, int64_t first_batch);

  absl::Status Restore(const StreamStart& start);

  const int64_t batches_;
  const std::vector<int> hosted_;
  Clock* const clock_;
  const std::vector<float> scales_;  // By hosted hookpoint.
  std::vector<BatchHash> hashes_;    // By hookpoint.
  StreamCounters counters_;
  int64_t next_batch_;
  ShuffledRows rows_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_FOLDER_STREAM_H_
