#include "worker/trainer/message_sink.h"

#include <unistd.h>

#include <string>

#include "common/logging.h"
#include "proto/framing/framing.h"
#include "worker/trainer/process_setup.h"

namespace seedbed {

void MessageSink::Send(const v1::RankMessage& message) {
  absl::MutexLock lock(&mutex_);
  const absl::Status status = WriteFrame(fd_, message);
  if (status.ok()) return;
  Log(LogLevel::kError, "worker can't be told anything", {{"error", status.ToString()}});
  _exit(kWorkerGoneExitCode);
}

}  // namespace seedbed
