// An event log in memory that fails when it is told to. It outlives the coordinators that use it, like a disk.
#ifndef SEEDBED_TESTS_SERVER_SUPPORT_FAKE_EVENT_STORE_H_
#define SEEDBED_TESTS_SERVER_SUPPORT_FAKE_EVENT_STORE_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/event_store.h"

namespace seedbed {

class FakeEventStore final : public EventStore {
 public:
  absl::Status Append(absl::Span<const v1::Event> events) override {
    absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    for (const v1::Event& event : events) {
      if (event.number() != static_cast<int64_t>(events_.size()) + 1) return absl::InternalError("gap");
      events_.push_back(event);
    }
    transactions_.push_back(static_cast<int>(events.size()));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<v1::Event>> ReadAfter(int64_t number, int limit, absl::string_view sweep_id) override {
    absl::MutexLock lock(&mutex_);
    std::vector<v1::Event> page;
    for (size_t i = static_cast<size_t>(number); i < events_.size() && static_cast<int>(page.size()) < limit; ++i) {
      if (sweep_id.empty() || events_[i].sweep_id() == sweep_id) page.push_back(events_[i]);
    }
    return page;
  }

  absl::StatusOr<int64_t> LastNumber() override {
    absl::MutexLock lock(&mutex_);
    return static_cast<int64_t>(events_.size());
  }

  absl::StatusOr<int64_t> BackUp(const std::string& /*path*/) override {
    return absl::UnimplementedError("a log in memory has no backup");
  }

  // Of every Append from now on; OK = it works again.
  void FailWith(const absl::Status& failure) {
    absl::MutexLock lock(&mutex_);
    failure_ = failure;
  }

  std::vector<v1::Event> events() const {
    absl::MutexLock lock(&mutex_);
    return events_;
  }

  // Events in each successful Append.
  std::vector<int> transactions() const {
    absl::MutexLock lock(&mutex_);
    return transactions_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<v1::Event> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> transactions_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_SUPPORT_FAKE_EVENT_STORE_H_
