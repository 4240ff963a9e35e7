#include "sae/activations/exchange.h"

#include <numeric>
#include <utility>

#include "ATen/ops/empty.h"
#include "common/status.h"

namespace seedbed {

Exchange::Exchange(Collectives* collectives, std::vector<std::vector<int>> hosted, at::Device device)
    : collectives_(collectives),
      hosted_(std::move(hosted)),
      host_copy_(device.is_cpu() ? nullptr : std::make_unique<HostCopy>(device)),
      buffers_(hosted_[static_cast<size_t>(collectives->rank())].size()) {}

absl::Status Exchange::Start(const std::vector<at::Tensor>& harvested, const std::vector<int64_t>& rows_by_rank) {
  if (host_copy_ == nullptr) return Transfer(harvested, rows_by_rank);
  return host_copy_->Start([&]() -> absl::StatusOr<std::vector<at::Tensor>> {
    RETURN_IF_ERROR(Transfer(harvested, rows_by_rank));
    return blocks_;
  });
}

absl::StatusOr<std::vector<at::Tensor>> Exchange::Finish() {
  if (host_copy_ == nullptr) return blocks_;
  RETURN_IF_ERROR(collectives_->WaitUntil([this] { return host_copy_->IsDone(); }));
  return host_copy_->Finish();
}

absl::Status Exchange::Transfer(const std::vector<at::Tensor>& harvested, const std::vector<int64_t>& rows_by_rank) {
  if (collectives_->world_size() == 1) {
    blocks_.clear();
    for (const int hookpoint : hosted_.front()) blocks_.push_back(harvested[static_cast<size_t>(hookpoint)]);
    return absl::OkStatus();
  }
  PlaceBlocks(harvested.front(), std::accumulate(rows_by_rank.begin(), rows_by_rank.end(), int64_t{0}));
  const TensorsByRank outgoing = Outgoing(harvested);
  RETURN_IF_ERROR(collectives_->AllToAll(outgoing, Incoming(rows_by_rank)));
  for (size_t rank = 0; rank < outgoing.size(); ++rank) {
    if (rank == static_cast<size_t>(collectives_->rank())) continue;
    for (const at::Tensor& rows : outgoing[rank]) bytes_sent_ += static_cast<int64_t>(rows.nbytes());
  }
  return absl::OkStatus();
}

void Exchange::PlaceBlocks(const at::Tensor& like, int64_t rows) {
  blocks_.clear();
  for (at::Tensor& buffer : buffers_) {
    if (!buffer.defined() || buffer.size(0) < rows || buffer.scalar_type() != like.scalar_type()) {
      buffer = at::empty({rows, like.size(1)}, like.options());
    }
    blocks_.push_back(buffer.narrow(0, 0, rows));
  }
}

TensorsByRank Exchange::Outgoing(const std::vector<at::Tensor>& harvested) const {
  TensorsByRank outgoing(hosted_.size());
  for (size_t rank = 0; rank < hosted_.size(); ++rank) {
    for (const int hookpoint : hosted_[rank]) outgoing[rank].push_back(harvested[static_cast<size_t>(hookpoint)]);
  }
  return outgoing;
}

TensorsByRank Exchange::Incoming(const std::vector<int64_t>& rows_by_rank) const {
  TensorsByRank incoming(rows_by_rank.size());
  int64_t first = 0;
  for (size_t rank = 0; rank < rows_by_rank.size(); ++rank) {
    for (const at::Tensor& block : blocks_) incoming[rank].push_back(block.narrow(0, first, rows_by_rank[rank]));
    first += rows_by_rank[rank];
  }
  return incoming;
}

}  // namespace seedbed
