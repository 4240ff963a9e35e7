// One look at the files of a sweep, as a process: started, listened to, ended in time, and its end explained.
#ifndef SEEDBED_WORKER_DAEMON_INSPECTION_PROCESS_H_
#define SEEDBED_WORKER_DAEMON_INSPECTION_PROCESS_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/subprocess.h"
#include "seedbed/v1/inspection.pb.h"
#include "seedbed/v1/trainer.pb.h"
#include "worker/daemon/trainer_process.h"

namespace seedbed {

// Not thread-safe. Time comes in, by the monotonic clock.
class InspectionProcess {
 public:
  // Always gives one: where it could not be started, its result says why. Its files are `path` with endings of its own;
  // they are removed with it.
  static std::unique_ptr<InspectionProcess> Start(const std::string& trainer_path, const std::string& path,
                                                  const v1::InspectionRequest& request, absl::Duration time_limit,
                                                  absl::Duration now);
  // Kills the process group if it still runs.
  ~InspectionProcess();

  // Becomes readable when there is something for Advance to read; -1 = nothing more will come.
  int message_fd() const { return process_.has_value() ? process_->message_fd() : -1; }

  // Reads what has come, kills what has overrun its time, notices the end. Never blocks on the process.
  void Advance(absl::Duration now);

  // Once it has ended: what the process found, or an error that says how it ended and what it logged last.
  const std::optional<v1::InspectionResult>& result() const { return result_; }

 private:
  InspectionProcess(const std::string& path, const v1::InspectionRequest& request, absl::Duration time_limit,
                    absl::Duration now);

  absl::Status Spawn(const std::string& trainer_path, const v1::InspectionRequest& request);
  absl::Status Take(const v1::RankMessage& message);
  void ReadMessages();
  void Finish(const ExitStatus& exit);
  std::string ExplainFailure(const ExitStatus& exit) const;
  void SetError(const std::string& error);

  const std::string id_;
  const std::string request_path_;
  const std::string log_path_;
  const absl::Duration time_limit_;
  const absl::Duration kill_at_;

  std::optional<v1::InspectionResult> found_;  // What it sent.
  absl::Status unreadable_;                    // Why its messages could not be read any further.
  bool out_of_time_ = false;
  std::optional<v1::InspectionResult> result_;
  std::optional<TrainerProcess> process_;  // While it runs. Destroyed first.
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_INSPECTION_PROCESS_H_
