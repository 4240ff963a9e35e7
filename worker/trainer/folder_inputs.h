// A folder of activations from any program.
#ifndef SEEDBED_WORKER_TRAINER_FOLDER_INPUTS_H_
#define SEEDBED_WORKER_TRAINER_FOLDER_INPUTS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/activations/rows/row_store.h"
#include "worker/trainer/stream_inputs.h"

namespace seedbed {

// Where the rows of a hookpoint lie: `path`/`hookpoint`, or `path` itself where that is not there and the sweep has no
// other hookpoint.
std::string RowFolderOf(const std::string& path, const std::string& hookpoint, bool is_only_hookpoint);

class FolderInputs final : public StreamInputs {
 public:
  // Reads every row of the hookpoints that this rank hosts once, to find out whether all values are finite.
  static absl::StatusOr<std::unique_ptr<StreamInputs>> Load(const TrainerPlan& plan);

  int64_t width(int hookpoint) const override;
  StreamIdentity identity() const override { return {}; }
  absl::StatusOr<std::unique_ptr<ActivationStream>> OpenStream(Collectives* collectives, Clock* clock,
                                                               const StreamStart& start,
                                                               std::function<void()> on_micro_batch) override;

 private:
  explicit FolderInputs(const TrainerPlan* plan) : plan_(*plan) {}

  absl::Status OpenRows(int hookpoint);

  const TrainerPlan& plan_;
  std::vector<int> hosted_;
  std::vector<int64_t> widths_;   // By hosted hookpoint.
  std::vector<RowStore> stores_;  // The same; until the stream has them.
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_FOLDER_INPUTS_H_
