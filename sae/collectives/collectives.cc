#include "sae/collectives/collectives.h"

#include <algorithm>
#include <cstring>

#include "ATen/ops/empty.h"
#include "ATen/ops/full.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "c10/core/Event.h"
#include "c10/core/impl/VirtualGuardImpl.h"
#include "common/status.h"
#include "sae/collectives/gloo_collectives.h"
#include "sae/collectives/nccl_collectives.h"
#include "sae/collectives/transfer_checks.h"

namespace seedbed {
namespace {

at::Tensor BytesOf(const std::string& text, int64_t padded_size) {
  at::Tensor bytes = at::full({padded_size}, 0, at::kByte);
  std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return bytes;
}

}  // namespace

absl::Status Collectives::AllToAll(const TensorsByRank& send, const TensorsByRank& receive) {
  RETURN_IF_ERROR(CheckTransfer(rank(), world_size(), device(), send, receive));
  return Transfer("all-to-all", send, receive);
}

absl::StatusOr<std::vector<std::string>> Collectives::AllGatherBytes(const std::string& mine) {
  constexpr absl::string_view kOperation = "all-gather";
  ASSIGN_OR_RETURN(const at::Tensor sizes,
                   AllGather(kOperation, at::full({1}, static_cast<int64_t>(mine.size()), at::kLong)));
  const int64_t* const size_of = sizes.const_data_ptr<int64_t>();
  const int64_t largest = *std::max_element(size_of, size_of + world_size());
  ASSIGN_OR_RETURN(const at::Tensor bytes, AllGather(kOperation, BytesOf(mine, largest)));
  std::vector<std::string> messages;
  for (int peer = 0; peer < world_size(); ++peer) {
    const auto* const first = static_cast<const char*>(bytes.const_data_ptr()) + peer * largest;
    messages.emplace_back(first, static_cast<size_t>(size_of[peer]));
  }
  return messages;
}

absl::Status Collectives::Barrier() { return AllGather("barrier", at::full({1}, 0, at::kByte)).status(); }

// Without NCCL no operation is behind what is waited for, so no peer can hold it up.
absl::Status Collectives::WaitUntil(const std::function<bool()>& is_done) {
  while (!is_done()) absl::SleepFor(kPollInterval);
  return absl::OkStatus();
}

absl::Status Collectives::Leave() {
  RETURN_IF_ERROR(Barrier());
  // A rank that is told of a closed connection before it has looked at what came over it takes that for an error. So
  // nobody closes anything before all are past the first barrier, and the second one may fail.
  StopWatching();
  Barrier().IgnoreError();
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> Collectives::AllGather(absl::string_view operation, const at::Tensor& mine) {
  const at::Tensor send = mine.to(device());
  const at::Tensor receive = at::empty({world_size() * mine.numel()}, send.options());
  const TensorsByRank to_all(static_cast<size_t>(world_size()), {send});
  TensorsByRank from_all;
  for (int peer = 0; peer < world_size(); ++peer) {
    from_all.push_back({receive.narrow(0, peer * mine.numel(), mine.numel())});
  }
  RETURN_IF_ERROR(Transfer(operation, to_all, from_all));
  return ToHost(receive);
}

absl::StatusOr<at::Tensor> Collectives::ToHost(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  c10::Event queued(tensor.device().type());
  queued.record(c10::impl::VirtualGuardImpl(tensor.device().type()).getStream(tensor.device()));
  RETURN_IF_ERROR(WaitUntil([&] { return queued.query(); }));
  return tensor.cpu();
}

absl::StatusOr<std::unique_ptr<Collectives>> JoinGroup(const GroupOptions& options) {
  if (options.world_size < 1 || options.rank < 0 || options.rank >= options.world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", options.rank, " of world size ", options.world_size, ": ranks are 0 to world size - 1"));
  }
  if (options.world_size == 1) return MakeLocalCollectives();
  if (options.device == "cpu") return JoinGlooGroup(options);
  if (absl::StartsWith(options.device, "cuda:")) return JoinNcclGroup(options);
  return absl::InvalidArgumentError(absl::StrCat("device \"", options.device, "\": allowed are cpu and cuda:N"));
}

}  // namespace seedbed
