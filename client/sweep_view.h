// What a watcher of a sweep knows from its events and the progress of its runs. Pure: knows no clock and no network.
#ifndef SEEDBED_CLIENT_SWEEP_VIEW_H_
#define SEEDBED_CLIENT_SWEEP_VIEW_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "seedbed/v1/event.pb.h"
#include "seedbed/v1/run.pb.h"

namespace seedbed {

// How fast a counter grows, over the latest kWindow of its samples.
class RateMeter {
 public:
  static constexpr absl::Duration kWindow = absl::Seconds(15);

  // Samples come in the order of time; one that is smaller than the last starts afresh.
  void Add(absl::Duration time, int64_t count);
  void Clear() { samples_.clear(); }
  // Per second; 0 while it is not known.
  double PerSecond() const;

 private:
  std::deque<std::pair<absl::Duration, int64_t>> samples_;
};

enum class GangPhase { kQueued, kStarting, kHarvesting, kTraining, kExporting, kEnded };

// How far a gang is, over those of its runs that have not ended.
struct GangProgress {
  GangPhase phase = GangPhase::kQueued;
  size_t live_runs = 0;
  int64_t tokens_harvested = 0;
  int64_t tokens_to_harvest = 0;
  double tokens_per_second = 0;  // 0 = not known.
  int64_t step = 0;              // Of the run that is furthest behind.
  int64_t total_steps = 0;
  int64_t resumed_step = 0;  // Of that run: where its attempt began; 0 = anew.
  double fvu = -1;           // Mean over the runs; negative = not known.
  double seconds_left = -1;  // Of the run that takes longest; negative = not known.
};

// Not thread-safe.
class SweepView {
 public:
  struct RunView {
    seedbed::v1::Run run;
    bool has_progress = false;
  };
  struct GangView {
    std::string gang_id;
    std::vector<std::string> run_ids;
    int attempt = 0;
    RateMeter harvest_rate;
  };

  // An event that was applied before, by its number, changes nothing and gives false.
  bool Apply(const seedbed::v1::Event& event);
  // `now` is any clock that never jumps. Progress of a run that is unknown or has ended is dropped.
  void Apply(const seedbed::v1::RunProgress& progress, absl::Duration now);

  int64_t last_event() const { return last_event_; }
  // Every run has ended. False before the sweep's first event.
  bool ended() const;
  bool cancelled() const { return cancelled_; }

  // In the order of the sweep.
  const std::vector<GangView>& gangs() const { return gangs_; }
  // From 1; 0 for an unknown gang.
  size_t GangNumber(const std::string& gang_id) const;
  // Null for an unknown run.
  const seedbed::v1::Run* FindRun(const std::string& run_id) const;
  GangProgress ProgressOf(const GangView& gang) const;

 private:
  void ApplySubmitted(const seedbed::v1::SweepSubmitted& submitted);
  // Every run of the gang (of all gangs when empty) that has not ended goes to `state`.
  void MoveLiveRuns(const std::string& gang_id, seedbed::v1::RunState state);
  void SetState(const std::string& run_id, seedbed::v1::RunState state);
  GangView* FindGang(const std::string& gang_id);

  int64_t last_event_ = 0;
  bool cancelled_ = false;
  std::vector<GangView> gangs_;
  std::map<std::string, RunView> runs_;
};

bool HasEnded(seedbed::v1::RunState state);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_SWEEP_VIEW_H_
