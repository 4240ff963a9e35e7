#include "worker/daemon/wake_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/status.h"

namespace seedbed {

absl::StatusOr<WakePipe> WakePipe::Make() {
  ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  for (const int fd : {pipe.read_end.get(), pipe.write_end.get()}) {
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus(errno, "wake-up pipe");
  }
  return WakePipe(std::move(pipe));
}

void WakePipe::Wake() const {
  // A pipe that is full wakes as well.
  [[maybe_unused]] const ssize_t written = write(pipe_.write_end.get(), "", 1);
}

void WakePipe::Drain() const {
  char drained[64];
  while (read(pipe_.read_end.get(), drained, sizeof drained) > 0) {
  }
}

}  // namespace seedbed
