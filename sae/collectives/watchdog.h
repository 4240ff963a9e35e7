// Turns a collective that fails or stands still into an error that says where, and who is missing.
#ifndef SEEDBED_SAE_COLLECTIVES_WATCHDOG_H_
#define SEEDBED_SAE_COLLECTIVES_WATCHDOG_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "c10/util/intrusive_ptr.h"
#include "sae/collectives/c10d_status.h"
#include "sae/collectives/collectives.h"
#include "sae/collectives/progress_board.h"

namespace seedbed {

// Not thread-safe.
class Watchdog {
 public:
  // Before the ranks connect to each other, so that everybody's progress can be read once they have. Errors: as
  // ProgressBoard.
  static absl::StatusOr<Watchdog> Start(c10::intrusive_ptr<c10d::Store> store, const GroupOptions& options);

  void SetPhase(std::string phase) { board_->SetPhase(std::move(phase)); }

  // Runs an operation, which throws what c10d throws. After the first error gives that one again, and runs nothing.
  template <typename Action>
  absl::Status Run(absl::string_view operation, Action&& action) {
    if (!failure_.ok()) return failure_;
    board_->EnterCollective();
    operation_ = OperationIn(board_->phase(), operation);
    const absl::Status status = CatchC10d(operation_, rank_, action);
    return status.ok() ? status : Fail(status);
  }

  // Collectives::AwaitAll.
  absl::Status AwaitAll();

  // For an operation that goes on after Run: the error of the one that was run last. What `failure` says is kept and
  // who is missing added; for DEADLINE_EXCEEDED it is the lack of progress alone that counts.
  absl::Status Fail(const absl::Status& failure);
  // OK while all went well.
  const absl::Status& failure() const { return failure_; }
  // The one that was run last: "step 9, block 2: all-to-all".
  const std::string& operation() const { return operation_; }

  // From here on an error is given as it is, at once.
  void Stop();

 private:
  Watchdog(const GroupOptions& options, std::string store_host, std::unique_ptr<ProgressBoard> board);

  int rank_;
  absl::Duration timeout_;
  std::string store_host_;
  std::unique_ptr<ProgressBoard> board_;
  std::string operation_;
  absl::Status failure_;
  bool stopped_ = false;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_WATCHDOG_H_
