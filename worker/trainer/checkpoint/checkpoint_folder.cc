#include "worker/trainer/checkpoint/checkpoint_folder.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/checkpoint/state_folder.h"

namespace seedbed {
namespace {

constexpr size_t kMostAttemptBytes = 64;
constexpr size_t kStatesKept = 2;

std::string GangPathOf(const TrainerPlan& plan) {
  const v1::GangSpec& gang = plan.spec.gang();
  return JoinPath(JoinPath(plan.spec.artifact_root(), gang.sweep_id()), gang.gang_id());
}

std::string PathOf(const TrainerPlan& plan) { return JoinPath(GangPathOf(plan), "checkpoints"); }

// Whether it went away: it was empty.
bool RemoveEmptyFolder(const std::string& path) { return rmdir(path.c_str()) == 0 || errno == ENOENT; }

}  // namespace

std::string CheckpointFolder::RowsPathOf(const TrainerPlan& plan) { return JoinPath(PathOf(plan), "rows"); }

CheckpointFolder::CheckpointFolder(const TrainerPlan* plan)
    : plan_(*plan), gang_path_(GangPathOf(*plan)), path_(PathOf(*plan)) {
  const std::vector<std::vector<int>> hosted = plan_.HostedHookpoints();
  std::set<int> taken;  // By earlier ranks.
  for (int rank = 0; rank < plan_.spec.rank(); ++rank) {
    taken.insert(hosted[static_cast<size_t>(rank)].begin(), hosted[static_cast<size_t>(rank)].end());
  }
  for (const int hookpoint : hosted[static_cast<size_t>(plan_.spec.rank())]) {
    if (taken.count(hookpoint) == 0) written_hookpoints_.push_back(hookpoint);
  }
  for (const PlannedRun& run : plan_.runs) {
    if (run.rank == plan_.spec.rank()) own_runs_.push_back(run.run_id);
  }
}

std::string CheckpointFolder::RunFolder(const std::string& run_id) const {
  return JoinPath(JoinPath(path_, "runs"), run_id);
}

std::string CheckpointFolder::StreamFolder(int hookpoint) const {
  return JoinPath(JoinPath(path_, "stream"), plan_.hookpoints[static_cast<size_t>(hookpoint)].ToString());
}

absl::Status CheckpointFolder::Claim() const {
  RETURN_IF_ERROR(MakeFolders(path_));
  RETURN_IF_ERROR(CheckClaim());
  ASSIGN_OR_RETURN(const int64_t claimed_by, ClaimedBy());
  const int64_t attempt = plan_.spec.gang().attempt();
  if (claimed_by < attempt) RETURN_IF_ERROR(WriteFileDurably(JoinPath(path_, "attempt"), absl::StrCat(attempt, "\n")));
  for (const std::string& run_id : own_runs_) {
    RETURN_IF_ERROR(MakeFolders(RunFolder(run_id)));
    RETURN_IF_ERROR(RemoveStagedStates(RunFolder(run_id)));
  }
  for (const int hookpoint : written_hookpoints_) RETURN_IF_ERROR(RemoveStagedStates(StreamFolder(hookpoint)));
  return plan_.spec.rank() == 0 ? RemoveEndedRuns() : absl::OkStatus();
}

absl::Status CheckpointFolder::CheckClaim() const {
  ASSIGN_OR_RETURN(const int64_t claimed_by, ClaimedBy());
  if (claimed_by <= plan_.spec.gang().attempt()) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(path_, ": attempt ", claimed_by, " has begun, this is attempt ",
                                         plan_.spec.gang().attempt(), ", which writes here no more"));
}

absl::StatusOr<int64_t> CheckpointFolder::ClaimedBy() const {
  const std::string path = JoinPath(path_, "attempt");
  const absl::StatusOr<std::string> text = ReadFile(path, kMostAttemptBytes);
  if (absl::IsNotFound(text.status())) return 0;
  RETURN_IF_ERROR(text.status());
  int64_t attempt = 0;
  if (absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &attempt)) return attempt;
  return absl::DataLossError(absl::StrCat(path, ": does not hold the number of an attempt"));
}

absl::Status CheckpointFolder::RemoveEndedRuns() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(JoinPath(path_, "runs")));
  for (const std::string& name : names) {
    const bool is_of_gang =
        std::any_of(plan_.runs.begin(), plan_.runs.end(), [&](const PlannedRun& run) { return run.run_id == name; });
    if (!is_of_gang) RETURN_IF_ERROR(RemoveAll(RunFolder(name)));
  }
  return absl::OkStatus();
}

absl::Status CheckpointFolder::RemoveOldStates() const {
  for (const std::string& run_id : own_runs_) {
    const std::vector<int64_t> steps = SavedSteps(RunFolder(run_id));
    for (size_t i = 0; i + kStatesKept < steps.size(); ++i) {
      RETURN_IF_ERROR(RemoveState(RunFolder(run_id), steps[i]));
    }
  }
  ASSIGN_OR_RETURN(const int64_t oldest_run_step, OldestRunStep());
  const int64_t needed = NewestStreamStep(oldest_run_step);
  for (const int hookpoint : written_hookpoints_) {
    for (const int64_t step : SavedSteps(StreamFolder(hookpoint))) {
      if (step < needed) RETURN_IF_ERROR(RemoveState(StreamFolder(hookpoint), step));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> CheckpointFolder::OldestRunStep() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> run_ids, ListFolder(JoinPath(path_, "runs")));
  int64_t oldest = std::numeric_limits<int64_t>::max();
  for (const std::string& run_id : run_ids) {
    const std::vector<int64_t> steps = SavedSteps(RunFolder(run_id));
    oldest = std::min(oldest, steps.empty() ? 0 : steps.front());
  }
  return oldest;
}

int64_t CheckpointFolder::NewestStreamStep(int64_t limit) const {
  std::vector<int64_t> common;
  for (size_t hookpoint = 0; hookpoint < plan_.hookpoints.size(); ++hookpoint) {
    const std::vector<int64_t> steps = SavedSteps(StreamFolder(static_cast<int>(hookpoint)));
    if (hookpoint == 0) {
      common = steps;
      continue;
    }
    std::vector<int64_t> both;
    std::set_intersection(common.begin(), common.end(), steps.begin(), steps.end(), std::back_inserter(both));
    common = std::move(both);
  }
  const auto after = std::upper_bound(common.begin(), common.end(), limit);
  return after == common.begin() ? 0 : *(after - 1);
}

absl::Status CheckpointFolder::RemoveRun(const std::string& run_id) const {
  RETURN_IF_ERROR(CheckClaim());
  RETURN_IF_ERROR(RemoveAll(RunFolder(run_id)));
  if (!RemoveEmptyFolder(JoinPath(path_, "runs"))) return absl::OkStatus();
  RETURN_IF_ERROR(RemoveAll(path_));
  RemoveEmptyFolder(gang_path_);
  return absl::OkStatus();
}

}  // namespace seedbed
