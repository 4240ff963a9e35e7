// Who watches which sweep.
#ifndef SEEDBED_SERVER_COORDINATOR_WATCH_HUB_H_
#define SEEDBED_SERVER_COORDINATOR_WATCH_HUB_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "seedbed/v1/run.pb.h"

namespace seedbed {

// One watcher's end. Its methods are called while the coordinator holds its lock: they must not block nor call the
// coordinator.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  // There are events that it has not read yet.
  virtual void OnEvents() = 0;
  // Replaces what was not sent yet of the same run.
  virtual void OnProgress(const v1::RunProgress& progress) = 0;
};

// Not thread-safe.
class WatchHub {
 public:
  // `sweep_id` empty = all sweeps. Returns the watcher's number.
  uint64_t Add(const std::string& sweep_id, bool with_progress, std::shared_ptr<WatchSink> sink);
  void Remove(uint64_t watcher);
  size_t size() const { return sweeps_.size(); }

  void NotifyEvents(absl::string_view sweep_id) const;
  void NotifyProgress(absl::string_view sweep_id, const v1::RunProgress& progress) const;

 private:
  struct Watcher {
    bool with_progress = false;
    std::shared_ptr<WatchSink> sink;
  };
  using Watchers = absl::btree_map<uint64_t, Watcher>;

  template <typename Call>
  void ForEach(absl::string_view sweep_id, Call call) const;

  uint64_t last_watcher_ = 0;
  absl::flat_hash_map<uint64_t, std::string> sweeps_;    // By watcher.
  absl::flat_hash_map<std::string, Watchers> watchers_;  // By sweep; "" = all sweeps.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_WATCH_HUB_H_
