#include "sae/collectives/nccl_collectives.h"

#include <cstdlib>
#include <utility>

#include "absl/time/clock.h"
#include "c10/core/Device.h"
#include "common/clock.h"
#include "common/status.h"
#include "sae/collectives/c10d_status.h"
#include "sae/collectives/rendezvous.h"
#include "sae/collectives/watchdog.h"
#include "torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp"

namespace seedbed {
namespace {

class NcclCollectives final : public Collectives {
 public:
  NcclCollectives(c10::intrusive_ptr<c10d::ProcessGroupNCCL> group, Watchdog watchdog, at::Device device,
                  absl::Duration timeout)
      : group_(std::move(group)), watchdog_(std::move(watchdog)), device_(device), timeout_(timeout) {}

  ~NcclCollectives() override {
    // An orderly shutdown waits for operations that will never end.
    CatchC10d("ending the group", rank(), [&] {
      watchdog_.failure().ok() ? group_->shutdown() : group_->abort();
    }).IgnoreError();
  }

  int rank() const override { return group_->getRank(); }
  int world_size() const override { return group_->getSize(); }
  at::Device device() const override { return device_; }
  void SetPhase(std::string phase) override { watchdog_.SetPhase(std::move(phase)); }
  absl::Status AwaitAll() override { return watchdog_.AwaitAll(); }

  absl::Status WaitUntil(const std::function<bool()>& is_done) override {
    const absl::Duration deadline = Clock::Real()->Monotonic() + timeout_;
    while (watchdog_.failure().ok()) {
      bool done = false;
      const absl::Status status = CatchC10d(watchdog_.operation(), rank(), [&] {
        if (work_ && work_->isCompleted() && work_->exception()) std::rethrow_exception(work_->exception());
        done = is_done();
      });
      if (!status.ok()) return watchdog_.Fail(status);
      if (done) return absl::OkStatus();
      if (Clock::Real()->Monotonic() > deadline) return watchdog_.Fail(absl::DeadlineExceededError("timeout"));
      absl::SleepFor(kPollInterval);
    }
    return watchdog_.failure();
  }

 private:
  absl::Status Transfer(absl::string_view operation, const TensorsByRank& send, const TensorsByRank& receive) override {
    return watchdog_.Run(operation, [&] {
      // One launch for all: NCCL would carry them out one after the other, and so wait for ever on ranks that start
      // with different ones.
      group_->startCoalescing();
      for (int peer = 0; peer < world_size(); ++peer) {
        if (peer == rank()) continue;
        ForEachNonEmpty(receive[peer], [&](auto& one) { group_->recv(one, peer, /*tag=*/0); });
        ForEachNonEmpty(send[peer], [&](auto& one) { group_->send(one, peer, /*tag=*/0); });
      }
      const c10::intrusive_ptr<c10d::Work> work = group_->endCoalescing();
      for (size_t i = 0; i < send[rank()].size(); ++i) {
        receive[rank()][i].copy_(send[rank()][i], /*non_blocking=*/true);
      }
      if (!work) return;  // Nothing went over the network.
      work->wait();       // The current stream does, not the CPU.
      work_ = work;
    });
  }

  void StopWatching() override { watchdog_.Stop(); }

  template <typename Action>
  static void ForEachNonEmpty(const std::vector<at::Tensor>& tensors, Action&& action) {
    for (const at::Tensor& tensor : tensors) {
      if (tensor.numel() == 0) continue;
      std::vector<at::Tensor> one = {tensor};
      action(one);
    }
  }

  c10::intrusive_ptr<c10d::ProcessGroupNCCL> group_;
  Watchdog watchdog_;
  const at::Device device_;
  const absl::Duration timeout_;
  c10::intrusive_ptr<c10d::Work> work_;  // The newest.
};

// c10d's own watchdog ends the process without a word of what it was doing; ours reports and lets it end in order. What
// the user has set stays.
void LeaveErrorsToUs() {
  constexpr std::pair<const char*, const char*> kSettings[] = {
      {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "0"}, {"TORCH_NCCL_BLOCKING_WAIT", "0"},
      {"TORCH_NCCL_ENABLE_MONITORING", "0"},    {"TORCH_NCCL_DUMP_ON_TIMEOUT", "0"},
      {"TORCH_NCCL_PROPAGATE_ERROR", "0"},      {"TORCH_NCCL_RETHROW_CUDA_ERRORS", "0"},
  };
  for (const auto& [name, value] : kSettings) setenv(name, value, /*overwrite=*/0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Collectives>> JoinNcclGroup(const GroupOptions& options) {
  LeaveErrorsToUs();
  const absl::Duration deadline = Clock::Real()->Monotonic() + options.join_timeout;
  ASSIGN_OR_RETURN(const auto store, JoinStore(options, deadline));
  ASSIGN_OR_RETURN(Watchdog watchdog, Watchdog::Start(store, options));
  const at::Device device(options.device);
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> group;
  RETURN_IF_ERROR(CatchC10d("connecting the ranks", options.rank, [&] {
    auto nccl = c10d::ProcessGroupNCCL::Options::create();
    // Long after ours, which then finds the work as it was.
    nccl->timeout = absl::ToChronoMilliseconds(10 * options.timeout);
    group = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, options.rank, options.world_size, nccl);
    group->eagerConnectSingleDevice(device);
  }));
  return std::make_unique<NcclCollectives>(std::move(group), std::move(watchdog), device, options.timeout);
}

}  // namespace seedbed
