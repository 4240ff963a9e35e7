#include "server/coordinator/live_streams.h"

#include <utility>
#include <vector>

namespace seedbed {

void LiveStreams::Add(std::shared_ptr<LiveStream> stream) {
  absl::Status stopped;
  {
    absl::MutexLock lock(&mutex_);
    streams_[stream.get()] = stream;
    stopped = stopped_;
  }
  if (!stopped.ok()) stream->RequestFinish(stopped);
}

void LiveStreams::Remove(LiveStream* stream) {
  std::shared_ptr<LiveStream> removed;  // Destroyed without the lock.
  absl::MutexLock lock(&mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  removed = std::move(found->second);
  streams_.erase(found);
}

void LiveStreams::FinishAll(const absl::Status& status) {
  std::vector<std::shared_ptr<LiveStream>> streams;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = status;
    for (const auto& [key, stream] : streams_) streams.push_back(stream);
  }
  for (const std::shared_ptr<LiveStream>& stream : streams) stream->RequestFinish(status);
}

absl::Status LiveStreams::stopped() const {
  absl::MutexLock lock(&mutex_);
  return stopped_;
}

}  // namespace seedbed
