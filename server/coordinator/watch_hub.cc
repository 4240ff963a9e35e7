#include "server/coordinator/watch_hub.h"

#include <utility>

namespace seedbed {

uint64_t WatchHub::Add(const std::string& sweep_id, bool with_progress, std::shared_ptr<WatchSink> sink) {
  const uint64_t watcher = ++last_watcher_;
  sweeps_[watcher] = sweep_id;
  watchers_[sweep_id][watcher] = {with_progress, std::move(sink)};
  return watcher;
}

void WatchHub::Remove(uint64_t watcher) {
  const auto sweep = sweeps_.find(watcher);
  if (sweep == sweeps_.end()) return;
  const auto watchers = watchers_.find(sweep->second);
  watchers->second.erase(watcher);
  if (watchers->second.empty()) watchers_.erase(watchers);
  sweeps_.erase(sweep);
}

template <typename Call>
void WatchHub::ForEach(absl::string_view sweep_id, Call call) const {
  for (const absl::string_view key : {sweep_id, absl::string_view()}) {
    const auto watchers = watchers_.find(key);
    if (watchers == watchers_.end()) continue;
    for (const auto& [number, watcher] : watchers->second) call(watcher);
  }
}

void WatchHub::NotifyEvents(absl::string_view sweep_id) const {
  ForEach(sweep_id, [](const Watcher& watcher) { watcher.sink->OnEvents(); });
}

void WatchHub::NotifyProgress(absl::string_view sweep_id, const v1::RunProgress& progress) const {
  ForEach(sweep_id, [&](const Watcher& watcher) {
    if (watcher.with_progress) watcher.sink->OnProgress(progress);
  });
}

}  // namespace seedbed
