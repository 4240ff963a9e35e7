// Wakes a thread that polls descriptors.
#ifndef SEEDBED_WORKER_DAEMON_WAKE_PIPE_H_
#define SEEDBED_WORKER_DAEMON_WAKE_PIPE_H_

#include <utility>

#include "absl/status/statusor.h"
#include "common/subprocess.h"

namespace seedbed {

// Thread-safe, but for moving and destroying.
class WakePipe {
 public:
  static absl::StatusOr<WakePipe> Make();

  // Makes fd() readable. Never blocks.
  void Wake() const;
  // From the thread that polls: fd() is not readable until the next Wake.
  void Drain() const;
  int fd() const { return pipe_.read_end.get(); }

 private:
  explicit WakePipe(Pipe pipe) : pipe_(std::move(pipe)) {}
  Pipe pipe_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_WAKE_PIPE_H_
