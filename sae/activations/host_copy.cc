#include "sae/activations/host_copy.h"

#include "ATen/ops/empty.h"
#include "c10/core/StreamGuard.h"
#include "c10/core/impl/VirtualGuardImpl.h"
#include "common/status.h"

namespace seedbed {

HostCopy::HostCopy(at::Device device)
    : device_(device),
      stream_(c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device)),
      queued_before_(device.type()),
      copied_(device.type()) {}

absl::Status HostCopy::Start(const std::function<absl::StatusOr<std::vector<at::Tensor>>()>& make_rows) {
  queued_before_.record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  queued_before_.block(stream_);
  const c10::StreamGuard guard(stream_);
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> rows, make_rows());
  turn_ = 1 - turn_;
  std::vector<at::Tensor>& buffers = buffers_[turn_];
  buffers.resize(rows.size());
  copies_.clear();
  for (size_t i = 0; i < rows.size(); ++i) {
    at::Tensor& buffer = buffers[i];
    if (!buffer.defined() || buffer.size(0) < rows[i].size(0) || buffer.scalar_type() != rows[i].scalar_type()) {
      buffer = at::empty(rows[i].sizes(), rows[i].options().device(at::kCPU).pinned_memory(true));
    }
    copies_.push_back(buffer.narrow(0, 0, rows[i].size(0)));
    copies_.back().copy_(rows[i], /*non_blocking=*/true);
  }
  copied_.record(stream_);
  return absl::OkStatus();
}

}  // namespace seedbed
