#include "sae/collectives/gloo_collectives.h"

#include <utility>

#include "common/clock.h"
#include "common/status.h"
#include "sae/collectives/c10d_status.h"
#include "sae/collectives/rendezvous.h"
#include "sae/collectives/row_exchange.h"
#include "torch/csrc/distributed/c10d/ProcessGroupGloo.hpp"

namespace seedbed {
namespace {

// Gloo tries so often to connect to a peer, each time for as long as its timeout says.
constexpr int kConnectAttempts = 5;

class GlooCollectives final : public Collectives {
 public:
  explicit GlooCollectives(c10::intrusive_ptr<c10d::ProcessGroupGloo> group) : group_(std::move(group)) {}

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
    return CatchC10d("barrier", rank(), [&] { group_->barrier()->wait(); });
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Collectives>> JoinGlooGroup(const GroupOptions& options) {
  const absl::Duration deadline = Clock::Real()->Monotonic() + options.timeout;
  ASSIGN_OR_RETURN(const auto store, JoinStore(options, deadline));
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
  RETURN_IF_ERROR(CatchC10d("connecting the ranks", options.rank, [&] {
    auto gloo = c10d::ProcessGroupGloo::Options::create(TimeLeft(deadline) / kConnectAttempts);
    gloo->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(options.rendezvous_host));
    group = c10::make_intrusive<c10d::ProcessGroupGloo>(store, options.rank, options.world_size, gloo);
    group->setTimeout(absl::ToChronoMilliseconds(options.timeout));
  }));
  return std::make_unique<GlooCollectives>(std::move(group));
}

}  // namespace seedbed
