#include "sae/collectives/row_exchange.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/status.h"

namespace seedbed {
namespace {

absl::Status CheckSide(int rank, int world_size, absl::string_view name, const at::Tensor& rows,
                       const std::vector<int64_t>& counts) {
  const auto error = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": all-to-all: ", name, " ", what));
  };
  if (rows.dim() != 2 || !rows.is_contiguous()) return error("is not a contiguous matrix");
  if (counts.size() != world_size) {
    return error(absl::StrCat("has ", counts.size(), " row counts for ", world_size, " ranks"));
  }
  const bool negative = std::any_of(counts.begin(), counts.end(), [](int64_t count) { return count < 0; });
  if (negative || std::accumulate(counts.begin(), counts.end(), int64_t{0}) != rows.size(0)) {
    return error(absl::StrCat("has ", rows.size(0), " rows, but counts ", absl::StrJoin(counts, " + ")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRowExchange(int rank, int world_size, const at::Tensor& send, const std::vector<int64_t>& send_rows,
                              const at::Tensor& receive, const std::vector<int64_t>& receive_rows) {
  RETURN_IF_ERROR(CheckSide(rank, world_size, "send", send, send_rows));
  RETURN_IF_ERROR(CheckSide(rank, world_size, "receive", receive, receive_rows));
  if (send.size(1) != receive.size(1) || send.scalar_type() != receive.scalar_type()) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": all-to-all: send has rows of ", send.size(1), " ",
                                                   c10::toString(send.scalar_type()), ", receive of ", receive.size(1),
                                                   " ", c10::toString(receive.scalar_type())));
  }
  if (send_rows[rank] != receive_rows[rank]) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": all-to-all: sends itself ", send_rows[rank],
                                                   " rows, but receives ", receive_rows[rank], " from itself"));
  }
  return absl::OkStatus();
}

}  // namespace seedbed
