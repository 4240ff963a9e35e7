// Brings rows from a GPU into the CPU's memory, beside the work that the GPU is given next.
#ifndef SEEDBED_SAE_ACTIVATIONS_HOST_COPY_H_
#define SEEDBED_SAE_ACTIVATIONS_HOST_COPY_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/Event.h"
#include "c10/core/Stream.h"

namespace seedbed {

// Works on a stream of its own, through LibTorch's interface to devices of any kind. Start, IsDone until it is true,
// and Finish in turn. Not thread-safe. LibTorch's exceptions pass through.
class HostCopy {
 public:
  // `device` is not the CPU.
  explicit HostCopy(at::Device device);

  // Calls `make_rows` with that stream as the current one, behind all that is queued on the stream that was current
  // before, and queues the copies of what it gives (contiguous matrices on the device).
  absl::Status Start(const std::function<absl::StatusOr<std::vector<at::Tensor>>()>& make_rows);

  bool IsDone() const { return copied_.query(); }

  // The rows, in pinned memory, valid until the next but one call of Start.
  const std::vector<at::Tensor>& Finish() const { return copies_; }

 private:
  at::Device device_;
  c10::Stream stream_;
  c10::Event queued_before_;
  c10::Event copied_;
  std::vector<at::Tensor> buffers_[2];  // Pinned; used in turn.
  size_t turn_ = 0;
  std::vector<at::Tensor> copies_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_HOST_COPY_H_
