// Brings a block's rows of each hookpoint to the ranks that host an SAE of it, and to no other.
#ifndef SEEDBED_SAE_ACTIVATIONS_EXCHANGE_H_
#define SEEDBED_SAE_ACTIVATIONS_EXCHANGE_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/collectives/collectives.h"

namespace seedbed {

// One all-to-all for each hookpoint. Every rank makes the same calls. Not thread-safe.
class Exchange {
 public:
  // `hosted[r]`: the hookpoints (numbers below `hookpoints`, ascending) that rank r hosts an SAE of.
  // `collectives` outlives the exchange.
  Exchange(Collectives* collectives, std::vector<std::vector<int>> hosted, int hookpoints);

  // `harvested`: for each hookpoint this rank's rows [rows_by_rank[rank], d_model], contiguous.
  // Gives, for each hookpoint of hosted[rank] and in that order, all ranks' rows in rank order: float32
  // [sum of rows_by_rank, d_model] on the CPU, contiguous, views of buffers that the next call uses again.
  // Errors: as Collectives.
  absl::StatusOr<std::vector<at::Tensor>> Run(const std::vector<at::Tensor>& harvested,
                                              const std::vector<int64_t>& rows_by_rank);

  // To other ranks, so far.
  int64_t bytes_sent() const { return bytes_sent_; }

 private:
  // Sends this rank's rows of one hookpoint; gives those of all ranks, or none where it is not hosted here.
  absl::StatusOr<at::Tensor> RunOne(int hookpoint, const at::Tensor& rows, const std::vector<int64_t>& rows_by_rank);
  at::Tensor ReceiveBuffer(int hookpoint, int64_t rows, const at::Tensor& like);

  Collectives* collectives_;
  std::vector<int> hosted_here_;
  std::vector<std::vector<int>> hosts_;      // By hookpoint: its ranks, ascending.
  std::vector<at::Tensor> receive_buffers_;  // By hookpoint.
  int64_t bytes_sent_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_EXCHANGE_H_
