#include "sae/collectives/gloo_collectives.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/clock.h"
#include "common/status.h"
#include "sae/collectives/c10d_status.h"
#include "sae/collectives/rendezvous.h"
#include "sae/collectives/watchdog.h"
#include "torch/csrc/distributed/c10d/ProcessGroupGloo.hpp"

namespace seedbed {
namespace {

// Gloo tries so often to connect to a peer, each time for as long as its timeout says.
constexpr int kConnectAttempts = 5;

using PendingWork = std::vector<c10::intrusive_ptr<c10d::Work>>;

class GlooCollectives final : public Collectives {
 public:
  GlooCollectives(c10::intrusive_ptr<c10d::ProcessGroupGloo> group, Watchdog watchdog, absl::Duration timeout)
      : rank_(group->getRank()),
        world_size_(group->getSize()),
        timeout_(timeout),
        watchdog_(std::move(watchdog)),
        group_(std::move(group)) {}

  int rank() const override { return rank_; }
  int world_size() const override { return world_size_; }
  at::Device device() const override { return at::kCPU; }
  void SetPhase(std::string phase) override { watchdog_.SetPhase(std::move(phase)); }
  absl::Status AwaitAll() override { return watchdog_.AwaitAll(); }

 private:
  absl::Status Transfer(absl::string_view operation, const TensorsByRank& send, const TensorsByRank& receive) override {
    return watchdog_.Run(operation, [&] {
      try {
        TransferAll(send, receive);
      } catch (...) {
        // Closes the connections, so that no peer goes on waiting for this rank while it finds out who is missing.
        group_.reset();
        throw;
      }
    });
  }

  void TransferAll(const TensorsByRank& send, const TensorsByRank& receive) const {
    const absl::Duration deadline = Clock::Real()->Monotonic() + timeout_;
    // Peers write straight into what is received where that is known to them before they send.
    PendingWork pending =
        StartAll(receive, [&](auto& tensors, int peer, int tag) { return group_->recv(tensors, peer, tag); });
    PendingWork sending =
        StartAll(send, [&](auto& tensors, int peer, int tag) { return group_->send(tensors, peer, tag); });
    CopyOwn(send, receive);
    std::move(sending.begin(), sending.end(), std::back_inserter(pending));
    for (const auto& work : pending) work->wait(TimeLeft(deadline));
  }

  void StopWatching() override { watchdog_.Stop(); }

  // Starts with the next higher rank, so that the ranks do not all turn to one at first.
  template <typename Start>
  PendingWork StartAll(const TensorsByRank& tensors, Start&& start) const {
    PendingWork pending;
    for (int distance = 1; distance < world_size(); ++distance) {
      const int peer = (rank() + distance) % world_size();
      for (size_t i = 0; i < tensors[peer].size(); ++i) {
        if (tensors[peer][i].numel() == 0) continue;
        std::vector<at::Tensor> one = {tensors[peer][i]};
        pending.push_back(start(one, peer, static_cast<int>(i)));
      }
    }
    return pending;
  }

  void CopyOwn(const TensorsByRank& send, const TensorsByRank& receive) const {
    for (size_t i = 0; i < send[rank()].size(); ++i) receive[rank()][i].copy_(send[rank()][i]);
  }

  const int rank_;
  const int world_size_;
  const absl::Duration timeout_;
  Watchdog watchdog_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;  // Null after an error.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Collectives>> JoinGlooGroup(const GroupOptions& options) {
  const absl::Duration deadline = Clock::Real()->Monotonic() + options.join_timeout;
  ASSIGN_OR_RETURN(const auto store, JoinStore(options, deadline));
  ASSIGN_OR_RETURN(Watchdog watchdog, Watchdog::Start(store, options));
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
  RETURN_IF_ERROR(CatchC10d("connecting the ranks", options.rank, [&] {
    auto gloo = c10d::ProcessGroupGloo::Options::create(TimeLeft(deadline) / kConnectAttempts);
    gloo->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(options.rendezvous_host));
    group = c10::make_intrusive<c10d::ProcessGroupGloo>(store, options.rank, options.world_size, gloo);
  }));
  return std::make_unique<GlooCollectives>(std::move(group), std::move(watchdog), options.timeout);
}

}  // namespace seedbed
