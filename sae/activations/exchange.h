// Brings a block's rows of each hookpoint to the ranks that host an SAE of it, and to no other.
#ifndef SEEDBED_SAE_ACTIVATIONS_EXCHANGE_H_
#define SEEDBED_SAE_ACTIVATIONS_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/activations/host_copy.h"
#include "sae/collectives/collectives.h"

namespace seedbed {

// One all-to-all a block, for all hookpoints together. Rows go from where they were harvested to their place in the
// receiver's block, with no copy between. Every rank makes the same calls, Start and Finish in turn. Not thread-safe.
class Exchange {
 public:
  // `hosted[r]`: the hookpoints (numbers below `hookpoints`, ascending) that rank r hosts an SAE of. `device`: where
  // the rows come from. `collectives` outlives the exchange.
  Exchange(Collectives* collectives, std::vector<std::vector<int>> hosted, at::Device device);

  // Whether harvesting the next block between Start and Finish gains anything: on a GPU the exchange runs beside what
  // is queued after Start. The next block then must not be harvested into the memory of this one.
  bool overlaps() const { return host_copy_ != nullptr; }

  // `harvested`: for each hookpoint this rank's rows [rows_by_rank[rank], d_model], contiguous, on `device`, in any
  // dtype that is the same on all ranks. They stay as they are until Finish has returned. On a CPU all is done here.
  // Errors: as Collectives.
  absl::Status Start(const std::vector<at::Tensor>& harvested, const std::vector<int64_t>& rows_by_rank);

  // For each hookpoint of hosted[rank] and in that order, all ranks' rows in rank order: [sum of rows_by_rank, d_model]
  // on the CPU, contiguous, in the dtype of what was harvested. Views of buffers: valid until the next call of Start,
  // or where overlaps() until the one after it. One rank alone on a CPU gets the tensors given to Start.
  // Errors: as Collectives.
  absl::StatusOr<std::vector<at::Tensor>> Finish();

  // To other ranks, so far.
  int64_t bytes_sent() const { return bytes_sent_; }

 private:
  absl::Status Transfer(const std::vector<at::Tensor>& harvested, const std::vector<int64_t>& rows_by_rank);
  // The blocks of the hosted hookpoints, in buffers that grow where they are too small.
  void PlaceBlocks(const at::Tensor& like, int64_t rows);
  // Of `harvested`, what each rank hosts.
  TensorsByRank Outgoing(const std::vector<at::Tensor>& harvested) const;
  // Of each block, the part that each rank's rows belong to.
  TensorsByRank Incoming(const std::vector<int64_t>& rows_by_rank) const;

  Collectives* collectives_;
  std::vector<std::vector<int>> hosted_;
  std::unique_ptr<HostCopy> host_copy_;  // Null where the rows come from the CPU.
  std::vector<at::Tensor> buffers_;      // By hosted hookpoint, on the rows' device.
  std::vector<at::Tensor> blocks_;       // Views of them, or of what was harvested.
  int64_t bytes_sent_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_EXCHANGE_H_
