// A seedbed-trainer as a process, and the pipe over which it talks.
//
// It gets the read end of a pipe as standard input, whose other end only the daemon holds: end of file there tells it
// that the daemon is dead, however that came. What comes before the end is until when it may run
// (worker/trainer/process_setup.h). Its messages come over descriptor 3.
#ifndef SEEDBED_WORKER_DAEMON_TRAINER_PROCESS_H_
#define SEEDBED_WORKER_DAEMON_TRAINER_PROCESS_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/subprocess.h"
#include "google/protobuf/message_lite.h"
#include "proto/framing/framing.h"
#include "seedbed/v1/trainer.pb.h"

namespace seedbed {

// Lines of a log that explain an end.
inline constexpr size_t kLogTailLines = 50;

// The message's bytes as a file that the process reads. Not durable on purpose: it dies with the process, and an fsync
// beside a rank that spools can take seconds.
absl::Status WriteSpecFile(const std::string& path, const google::protobuf::MessageLite& message);

// Not thread-safe. Destroying it kills the process group if it still runs.
class TrainerProcess {
 public:
  // Runs `trainer_path` with `arguments` and "--message-fd"; what it prints is appended to `log_path`. Errors: no pipe,
  // or as posix_spawn gives.
  static absl::StatusOr<TrainerProcess> Spawn(const std::string& trainer_path, std::vector<std::string> arguments,
                                              const std::string& log_path);

  pid_t pid() const { return process_.pid(); }
  // Becomes readable when there is something for ReadMessages; -1 = nothing more will come.
  int message_fd() const { return messages_.get(); }

  // Hands on what has come, a bounded amount, and never blocks. An error, of reading or of `take`, ends the reading and
  // kills the process: nothing that it says can be believed any more.
  absl::Status ReadMessages(const std::function<absl::Status(const v1::RankMessage&)>& take);
  // It has begun a message that it has not ended.
  bool is_within_message() const { return frames_.pending_bytes() > 0; }

  // Tells the process that it must be gone by then, by Clock::Monotonic(), unless it is told a later time before. It
  // sees to that by itself, so it holds while this daemon stands still. Never blocks; the same time again does nothing.
  void RunUntil(absl::Duration lease_over_at);

  // To the whole process group.
  void Signal(int signal) const { process_.Signal(signal); }
  // Reaps the process if it has ended; nullopt while it runs.
  std::optional<ExitStatus> Poll() { return process_.Poll(); }

 private:
  TrainerProcess(OwnedFd lifeline, OwnedFd messages, Subprocess process)
      : lifeline_(std::move(lifeline)), messages_(std::move(messages)), process_(std::move(process)) {}

  absl::Status TakeFrames(const std::function<absl::Status(const v1::RankMessage&)>& take);
  absl::Status GiveUp(const absl::Status& why);

  FrameReader frames_;
  absl::Duration told_until_ = -absl::InfiniteDuration();
  OwnedFd lifeline_;  // Write end of its standard input.
  OwnedFd messages_;
  Subprocess process_;  // Destroyed first.
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_TRAINER_PROCESS_H_
