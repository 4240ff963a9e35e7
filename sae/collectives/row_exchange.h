// What every implementation of AllToAllRows asks of its arguments.
#ifndef SEEDBED_SAE_COLLECTIVES_ROW_EXCHANGE_H_
#define SEEDBED_SAE_COLLECTIVES_ROW_EXCHANGE_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"

namespace seedbed {

// INVALID_ARGUMENT, naming the argument and rank, when the counts do not fit the tensors or the number of ranks, or the
// tensors do not fit each other. Found before anything is sent, so the group stays usable.
absl::Status CheckRowExchange(int rank, int world_size, const at::Tensor& send, const std::vector<int64_t>& send_rows,
                              const at::Tensor& receive, const std::vector<int64_t>& receive_rows);

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_ROW_EXCHANGE_H_
