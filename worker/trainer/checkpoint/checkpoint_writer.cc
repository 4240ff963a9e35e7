#include "worker/trainer/checkpoint/checkpoint_writer.h"

#include "common/logging.h"
#include "common/status.h"

namespace seedbed {

CheckpointWriter::CheckpointWriter(const CheckpointFolder* folder, int attempt, Clock* clock)
    : folder_(folder), attempt_(attempt), clock_(clock), thread_([this] { Loop(); }) {}

CheckpointWriter::~CheckpointWriter() {
  {
    const absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  thread_.join();
}

bool CheckpointWriter::is_writing() const {
  const absl::MutexLock lock(&mutex_);
  return step_ > 0;
}

void CheckpointWriter::Wait() const {
  const absl::MutexLock lock(&mutex_);
  const auto is_idle = [this] { return step_ == 0; };
  mutex_.Await(absl::Condition(&is_idle));
}

void CheckpointWriter::Start(int64_t step) {
  const absl::MutexLock lock(&mutex_);
  step_ = step;
}

CheckpointCounters CheckpointWriter::counters() const {
  const absl::MutexLock lock(&mutex_);
  return counters_;
}

void CheckpointWriter::Loop() {
  for (;;) {
    int64_t step = 0;
    {
      const absl::MutexLock lock(&mutex_);
      const auto has_news = [this] { return step_ > 0 || stopped_; };
      mutex_.Await(absl::Condition(&has_news));
      if (step_ == 0) return;
      step = step_;
    }
    const absl::Duration start = clock_->Monotonic();
    int64_t bytes = 0;
    const absl::Status written = WriteAll(step, &bytes);
    if (!written.ok())
      Log(LogLevel::kWarning, "checkpoint not written", {{"step", step}, {"error", written.message()}});
    const absl::MutexLock lock(&mutex_);
    counters_.bytes += bytes;
    counters_.write_time += clock_->Monotonic() - start;
    if (written.ok()) {
      ++counters_.written;
      counters_.step = step;
    }
    step_ = 0;
  }
}

absl::Status CheckpointWriter::WriteAll(int64_t step, int64_t* bytes) {
  for (const StateToWrite& state : states_) {
    ASSIGN_OR_RETURN(const int64_t written, WriteState(state.folder, {step, state.made_from}, state.state, attempt_,
                                                       [this] { return folder_->CheckClaim(); }));
    *bytes += written;
  }
  return folder_->RemoveOldStates();
}

}  // namespace seedbed
