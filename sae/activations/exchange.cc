#include "sae/activations/exchange.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "ATen/ops/cat.h"
#include "ATen/ops/empty.h"
#include "common/status.h"

namespace seedbed {

Exchange::Exchange(Collectives* collectives, std::vector<std::vector<int>> hosted, int hookpoints)
    : collectives_(collectives),
      hosted_here_(hosted[static_cast<size_t>(collectives->rank())]),
      hosts_(static_cast<size_t>(hookpoints)),
      receive_buffers_(static_cast<size_t>(hookpoints)) {
  for (size_t rank = 0; rank < hosted.size(); ++rank) {
    for (const int hookpoint : hosted[rank]) hosts_[hookpoint].push_back(static_cast<int>(rank));
  }
}

absl::StatusOr<std::vector<at::Tensor>> Exchange::Run(const std::vector<at::Tensor>& harvested,
                                                      const std::vector<int64_t>& rows_by_rank) {
  std::vector<at::Tensor> received(harvested.size());
  for (size_t h = 0; h < harvested.size(); ++h) {
    ASSIGN_OR_RETURN(received[h], RunOne(static_cast<int>(h), harvested[h], rows_by_rank));
  }
  std::vector<at::Tensor> block;
  for (const int hookpoint : hosted_here_) block.push_back(received[hookpoint].cpu());
  return block;
}

absl::StatusOr<at::Tensor> Exchange::RunOne(int hookpoint, const at::Tensor& rows,
                                            const std::vector<int64_t>& rows_by_rank) {
  const std::vector<int>& hosts = hosts_[hookpoint];
  std::vector<int64_t> send_rows(rows_by_rank.size(), 0);
  for (const int host : hosts) {
    send_rows[host] = rows.size(0);
    if (host != collectives_->rank()) bytes_sent_ += static_cast<int64_t>(rows.nbytes());
  }
  const at::Tensor send = hosts.size() == 1 ? rows : at::cat(std::vector<at::Tensor>(hosts.size(), rows));

  const bool hosted = std::find(hosts.begin(), hosts.end(), collectives_->rank()) != hosts.end();
  const std::vector<int64_t> receive_rows = hosted ? rows_by_rank : std::vector<int64_t>(rows_by_rank.size(), 0);
  const int64_t total = std::accumulate(receive_rows.begin(), receive_rows.end(), int64_t{0});
  at::Tensor receive = ReceiveBuffer(hookpoint, total, rows);
  RETURN_IF_ERROR(collectives_->AllToAllRows(send, send_rows, receive, receive_rows));
  return receive;
}

at::Tensor Exchange::ReceiveBuffer(int hookpoint, int64_t rows, const at::Tensor& like) {
  at::Tensor& buffer = receive_buffers_[hookpoint];
  if (!buffer.defined() || buffer.size(0) < rows) buffer = at::empty({rows, like.size(1)}, like.options());
  return buffer.narrow(0, 0, rows);
}

}  // namespace seedbed
