#include "worker/daemon/trainer_process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr int kMessageFd = 3;
constexpr size_t kReadBytes = 64 << 10;
// In one ReadMessages, so that a process that never stops talking can't keep the daemon from its other work.
constexpr int kMostReads = 16;

}  // namespace

absl::Status WriteSpecFile(const std::string& path, const google::protobuf::MessageLite& message) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << message.SerializeAsString();
  file.close();
  return file.good() ? absl::OkStatus() : ErrnoStatus(errno, absl::StrCat("writing ", path));
}

absl::StatusOr<TrainerProcess> TrainerProcess::Spawn(const std::string& trainer_path,
                                                     std::vector<std::string> arguments, const std::string& log_path) {
  ASSIGN_OR_RETURN(Pipe lifeline, MakePipe());
  ASSIGN_OR_RETURN(Pipe messages, MakePipe());
  for (const int fd : {messages.read_end.get(), lifeline.write_end.get()}) {
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus(errno, "pipe to a trainer");
  }
  SpawnOptions spawn;
  spawn.argv = {trainer_path};
  spawn.argv.insert(spawn.argv.end(), arguments.begin(), arguments.end());
  spawn.argv.insert(spawn.argv.end(), {"--message-fd", absl::StrCat(kMessageFd)});
  spawn.fds = {{lifeline.read_end.get(), STDIN_FILENO}, {messages.write_end.get(), kMessageFd}};
  spawn.stderr_path = log_path;
  ASSIGN_OR_RETURN(Subprocess process, Subprocess::Spawn(spawn));
  return TrainerProcess(std::move(lifeline.write_end), std::move(messages.read_end), std::move(process));
}

absl::Status TrainerProcess::ReadMessages(const std::function<absl::Status(const v1::RankMessage&)>& take) {
  char buffer[kReadBytes];
  for (int reads = 0; reads < kMostReads && messages_.valid(); ++reads) {
    const ssize_t count = read(messages_.get(), buffer, sizeof buffer);
    if (count > 0) {
      frames_.Append(absl::string_view(buffer, static_cast<size_t>(count)));
      RETURN_IF_ERROR(TakeFrames(take));
    } else if (count == 0) {
      messages_.Close();
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      return GiveUp(ErrnoStatus(errno, "reading its messages"));
    }
  }
  return absl::OkStatus();
}

void TrainerProcess::RunUntil(absl::Duration lease_over_at) {
  if (std::exchange(told_until_, lease_over_at) == lease_over_at) return;
  const int64_t milliseconds = absl::ToInt64Milliseconds(lease_over_at);
  // Whole or not at all. A pipe that is full belongs to a process that has stood still for hours: let it end.
  [[maybe_unused]] const ssize_t written = write(lifeline_.get(), &milliseconds, sizeof milliseconds);
}

absl::Status TrainerProcess::TakeFrames(const std::function<absl::Status(const v1::RankMessage&)>& take) {
  v1::RankMessage message;
  while (true) {
    const absl::StatusOr<bool> whole = frames_.Next(&message);
    const absl::Status status = whole.ok() && *whole ? take(message) : whole.status();
    if (!status.ok()) return GiveUp(status);
    if (!*whole) return absl::OkStatus();
  }
}

absl::Status TrainerProcess::GiveUp(const absl::Status& why) {
  messages_.Close();
  Signal(SIGKILL);
  return why;
}

}  // namespace seedbed
