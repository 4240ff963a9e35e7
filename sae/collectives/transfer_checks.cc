#include "sae/collectives/transfer_checks.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status.h"

namespace seedbed {
namespace {

absl::Status CheckSide(int rank, int world_size, at::Device device, absl::string_view name,
                       const TensorsByRank& tensors) {
  if (tensors.size() != static_cast<size_t>(world_size)) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": all-to-all: ", name, " has lists for ",
                                                   tensors.size(), " ranks, but there are ", world_size));
  }
  for (size_t peer = 0; peer < tensors.size(); ++peer) {
    for (size_t i = 0; i < tensors[peer].size(); ++i) {
      const at::Tensor& tensor = tensors[peer][i];
      if (tensor.defined() && tensor.is_contiguous() && tensor.device() == device) continue;
      return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": all-to-all: ", name, "[", peer, "][", i,
                                                     "] is not a contiguous tensor on ", device.str()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTransfer(int rank, int world_size, at::Device device, const TensorsByRank& send,
                           const TensorsByRank& receive) {
  RETURN_IF_ERROR(CheckSide(rank, world_size, device, "send", send));
  RETURN_IF_ERROR(CheckSide(rank, world_size, device, "receive", receive));
  const std::vector<at::Tensor>& from_self = send[static_cast<size_t>(rank)];
  const std::vector<at::Tensor>& to_self = receive[static_cast<size_t>(rank)];
  if (from_self.size() != to_self.size()) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": all-to-all: sends itself ", from_self.size(),
                                                   " tensors, but receives ", to_self.size(), " from itself"));
  }
  for (size_t i = 0; i < to_self.size(); ++i) {
    if (from_self[i].sizes() == to_self[i].sizes() && from_self[i].scalar_type() == to_self[i].scalar_type()) continue;
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": all-to-all: what it sends itself as tensor ", i,
                                                   " has ", from_self[i].nbytes(), " bytes, what it receives ",
                                                   to_self[i].nbytes(), ", or shape or dtype differ"));
  }
  return absl::OkStatus();
}

}  // namespace seedbed
