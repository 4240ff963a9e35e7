#include "sae/collectives/nccl_collectives.h"

#include <utility>

#include "c10/core/Device.h"
#include "common/clock.h"
#include "common/status.h"
#include "sae/collectives/c10d_status.h"
#include "sae/collectives/rendezvous.h"
#include "sae/collectives/row_exchange.h"
#include "torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp"

namespace seedbed {
namespace {

class NcclCollectives final : public Collectives {
 public:
  NcclCollectives(c10::intrusive_ptr<c10d::ProcessGroupNCCL> group, at::Device device)
      : group_(std::move(group)), device_(device) {}

  int rank() const override { return group_->getRank(); }
  int world_size() const override { return group_->getSize(); }

  absl::Status AllToAllRows(const at::Tensor& send, const std::vector<int64_t>& send_rows, at::Tensor& receive,
                            const std::vector<int64_t>& receive_rows) override {
    RETURN_IF_ERROR(CheckRowExchange(rank(), world_size(), send, send_rows, receive, receive_rows));
    return CatchC10d("all-to-all", rank(), [&] {
      // alltoall_base moves the counts out of its arguments.
      std::vector<int64_t> output_counts = receive_rows;
      std::vector<int64_t> input_counts = send_rows;
      at::Tensor input = send;
      group_->alltoall_base(receive, input, output_counts, input_counts)->wait();
    });
  }

  absl::Status Barrier() override {
    return CatchC10d("barrier", rank(), [&] {
      c10d::BarrierOptions options;
      options.device_ids = {device_.index()};
      group_->barrier(options)->wait();
    });
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> group_;
  at::Device device_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Collectives>> JoinNcclGroup(const GroupOptions& options) {
  const absl::Duration deadline = Clock::Real()->Monotonic() + options.timeout;
  ASSIGN_OR_RETURN(const auto store, JoinStore(options, deadline));
  const at::Device device(options.device);
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> group;
  RETURN_IF_ERROR(CatchC10d("connecting the ranks", options.rank, [&] {
    auto nccl = c10d::ProcessGroupNCCL::Options::create();
    nccl->timeout = absl::ToChronoMilliseconds(options.timeout);
    group = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, options.rank, options.world_size, nccl);
    group->eagerConnectSingleDevice(device);
  }));
  return std::make_unique<NcclCollectives>(std::move(group), device);
}

}  // namespace seedbed
