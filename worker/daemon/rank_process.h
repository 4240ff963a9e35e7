// One rank as a process: started, listened to, stopped, and its end explained.
#ifndef SEEDBED_WORKER_DAEMON_RANK_PROCESS_H_
#define SEEDBED_WORKER_DAEMON_RANK_PROCESS_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/subprocess.h"
#include "seedbed/v1/trainer.pb.h"
#include "seedbed/v1/worker.pb.h"
#include "worker/daemon/rank_id.h"
#include "worker/daemon/rank_tracker.h"
#include "worker/daemon/reconciler.h"
#include "worker/daemon/trainer_process.h"

namespace seedbed {

struct RankOptions {
  std::string trainer_path;
  std::string artifact_root;
  std::string scratch_root;  // Holds ranks/, removed with each rank, and logs/, which stay.
  std::string host = "127.0.0.1";
  int collective_timeout_ms = 120'000;
  absl::Duration stop_grace = absl::Seconds(30);  // From SIGTERM to SIGKILL: for the last step and its checkpoint.
};

std::string RanksFolder(const std::string& scratch_root);
std::string LogsFolder(const std::string& scratch_root);

// Not thread-safe. Time comes in, by the monotonic clock.
class RankProcess {
 public:
  // Always gives a rank: one that could not be started has EXITED and says why. `slot` is null where the worker has no
  // such slot.
  static std::unique_ptr<RankProcess> Start(const RankOptions& options, const v1::DesiredRank& desired,
                                            const v1::Slot* slot);
  // Kills the process group if it still runs.
  ~RankProcess();

  // Becomes readable when there is something for Advance to read; -1 = nothing more will come.
  int message_fd() const { return process_.has_value() ? process_->message_fd() : -1; }

  // Reads what has come (a bounded amount), kills what has overrun its grace, notices the end. True when status()
  // changed. Never blocks on the rank.
  bool Advance(absl::Duration now);

  // It ends by itself then, by the monotonic clock, unless it is told a later time before.
  void RunUntil(absl::Duration lease_over_at);

  // SIGTERM, and SIGKILL `stop_grace` later. Only the first call counts.
  void Terminate(StopReason reason, absl::Duration now);
  // SIGKILL.
  void Kill();

  const RankId& id() const { return id_; }
  const v1::RankStatus& status() const { return tracker_.status(); }
  const v1::StreamProgress& stream_progress() const { return tracker_.stream_progress(); }
  bool exited() const { return status().state() == v1::RANK_STATE_EXITED; }

 private:
  RankProcess(const RankOptions& options, const v1::DesiredRank& desired);

  absl::Status CheckDesired(const v1::DesiredRank& desired, const v1::Slot* slot) const;
  v1::TrainerSpec MakeSpec(const v1::DesiredRank& desired, const v1::Slot& slot) const;
  absl::Status PrepareFiles(const v1::TrainerSpec& spec) const;
  absl::Status Spawn();
  void RemoveFiles() const;

  bool ReadMessages();
  void Finish(const ExitStatus& exit);
  std::optional<v1::Failure> ExplainEnd(const ExitStatus& exit) const;
  v1::Failure MakeFailure(v1::FailureKind kind, absl::string_view what) const;

  const RankOptions options_;
  const RankId id_;
  const std::string sweep_id_;
  const std::string folder_;
  const std::string spec_path_;
  const std::string log_path_;

  RankTracker tracker_;
  absl::Status unreadable_;  // Why its messages could not be read any further.
  bool failed_before_stop_ = false;
  std::optional<StopReason> stop_reason_;
  absl::Duration kill_at_ = absl::InfiniteDuration();

  std::optional<TrainerProcess> process_;  // While it runs. Destroyed first.
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_RANK_PROCESS_H_
