#include "sae/collectives/watchdog.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/daemon.h"
#include "common/status.h"

namespace seedbed {

absl::StatusOr<Watchdog> Watchdog::Start(c10::intrusive_ptr<c10d::Store> store, const GroupOptions& options) {
  std::string store_host = options.rendezvous_host;
  if (options.rank > 0) {
    ASSIGN_OR_RETURN(HostPort address, ParseHostPort("rendezvous_address", options.rendezvous_address));
    store_host = std::move(address.host);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<ProgressBoard> board,
                   ProgressBoard::Open(std::move(store), options.rank, options.world_size, options.rendezvous_host));
  return Watchdog(options, std::move(store_host), std::move(board));
}

Watchdog::Watchdog(const GroupOptions& options, std::string store_host, std::unique_ptr<ProgressBoard> board)
    : rank_(options.rank), timeout_(options.timeout), store_host_(std::move(store_host)), board_(std::move(board)) {}

absl::Status Watchdog::AwaitAll() {
  if (!failure_.ok()) return failure_;
  board_->EnterCollective();
  operation_ = OperationIn(board_->phase(), "waiting for all ranks");
  const absl::Status status = board_->AwaitAll(timeout_);
  return status.ok() ? status : Fail(Annotate(status, absl::StrCat("rank ", rank_, ": ", operation_)));
}

absl::Status Watchdog::Fail(const absl::Status& failure) {
  if (!failure_.ok()) return failure_;
  if (stopped_) return failure_ = failure;
  if (absl::IsDeadlineExceeded(failure)) {
    failure_ = StallError(rank_, operation_, timeout_, board_->WaitingFor(store_host_));
  } else {
    failure_ = absl::Status(failure.code(), absl::StrCat(failure.message(), "; ", board_->WaitingFor(store_host_)));
  }
  return failure_;
}

void Watchdog::Stop() {
  stopped_ = true;
  board_->Stop();
}

}  // namespace seedbed
