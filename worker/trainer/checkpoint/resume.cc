#include "worker/trainer/checkpoint/resume.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/logging.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/state_folder.h"

namespace seedbed {
namespace {

void LogRefused(const absl::Status& status) {
  Log(LogLevel::kWarning, "checkpoint refused", {{"error", status.message()}});
}

absl::Status RestoreAt(const std::string& folder, const StateLabel& label, HostedRun& run) {
  ASSIGN_OR_RETURN(const StateTensors state, ReadState(folder, label));
  return Annotate(run.Restore(state), JoinPath(folder, StateFolderName(label.step)));
}

// The step after which it goes on.
int64_t RestoreRun(const std::string& folder, const std::string& label, HostedRun& run) {
  const std::vector<int64_t> steps = SavedSteps(folder);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const absl::Status restored = RestoreAt(folder, {*step, label}, run);
    if (restored.ok()) return *step;
    LogRefused(restored);
  }
  if (!steps.empty()) Log(LogLevel::kWarning, "run begins anew: no checkpoint is whole", {{"run", run.run_id()}});
  return 0;
}

class StreamSearch {
 public:
  StreamSearch(const TrainerPlan& plan, const CheckpointFolder& folder, const CheckpointLabels& labels,
               Collectives& collectives)
      : folder_(folder), labels_(labels), collectives_(collectives) {
    hookpoints_ = plan.HostedHookpoints()[static_cast<size_t>(plan.spec.rank())];
    // A rank that hosts none still has to know where the stream is.
    if (hookpoints_.empty()) hookpoints_.push_back(0);
  }

  // The newest start at step `limit` or before.
  absl::StatusOr<StreamStart> Find(int64_t limit) {
    std::vector<int64_t> steps = OwnSteps(limit);
    for (;;) {
      ASSIGN_OR_RETURN(const std::vector<int64_t> common, CommonSteps(steps));
      if (common.empty()) return StreamStart();
      StreamStart start;
      start.batches = common.back();
      const absl::Status read = Read(&start);
      if (!read.ok()) LogRefused(read);
      ASSIGN_OR_RETURN(const std::vector<std::string> all, collectives_.AllGatherBytes(read.ok() ? "1" : "0"));
      if (std::count(all.begin(), all.end(), "1") == static_cast<std::ptrdiff_t>(all.size())) return start;
      steps.erase(std::remove(steps.begin(), steps.end(), start.batches), steps.end());
    }
  }

 private:
  static std::vector<int64_t> Intersection(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
    std::vector<int64_t> both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    return both;
  }

  std::vector<int64_t> OwnSteps(int64_t limit) const {
    std::vector<int64_t> steps = SavedSteps(folder_.StreamFolder(hookpoints_.front()));
    for (const int hookpoint : hookpoints_) steps = Intersection(steps, SavedSteps(folder_.StreamFolder(hookpoint)));
    steps.erase(std::upper_bound(steps.begin(), steps.end(), limit), steps.end());
    return steps;
  }

  absl::StatusOr<std::vector<int64_t>> CommonSteps(const std::vector<int64_t>& mine) const {
    ASSIGN_OR_RETURN(const std::vector<std::string> all, collectives_.AllGatherBytes(nlohmann::json(mine).dump()));
    std::vector<int64_t> common = mine;
    for (const std::string& of_rank : all) {
      common = Intersection(common, nlohmann::json::parse(of_rank).get<std::vector<int64_t>>());
    }
    return common;
  }

  absl::Status Read(StreamStart* start) const {
    for (const int hookpoint : hookpoints_) {
      ASSIGN_OR_RETURN(start->states[hookpoint],
                       ReadState(folder_.StreamFolder(hookpoint), {start->batches, labels_.stream()}));
    }
    return absl::OkStatus();
  }

  const CheckpointFolder& folder_;
  const CheckpointLabels& labels_;
  Collectives& collectives_;
  std::vector<int> hookpoints_;
};

}  // namespace

absl::StatusOr<StreamStart> ResumeGang(const TrainerPlan& plan, const CheckpointFolder& folder,
                                       const CheckpointLabels& labels, Collectives& collectives,
                                       std::vector<HostedRun>& runs) {
  int64_t oldest = std::numeric_limits<int64_t>::max();
  for (HostedRun& run : runs) {
    oldest = std::min(oldest, RestoreRun(folder.RunFolder(run.run_id()), labels.OfRun(run.planned()), run));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> all, collectives.AllGatherBytes(nlohmann::json(oldest).dump()));
  for (const std::string& of_rank : all) oldest = std::min(oldest, nlohmann::json::parse(of_rank).get<int64_t>());
  if (oldest == 0) return StreamStart();
  ASSIGN_OR_RETURN(StreamStart start, StreamSearch(plan, folder, labels, collectives).Find(oldest));
  Log(LogLevel::kInfo, "gang goes on from a checkpoint",
      {{"gang", plan.spec.gang().gang_id()},
       {"attempt", plan.spec.gang().attempt()},
       {"rank", plan.spec.rank()},
       {"step", oldest},
       {"stream_step", start.batches}});
  return start;
}

}  // namespace seedbed
