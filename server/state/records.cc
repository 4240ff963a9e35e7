#include "server/state/records.h"

#include "absl/strings/str_cat.h"
#include "common/enum_word.h"

namespace seedbed {

bool HasEnded(v1::RunState state) {
  return state == v1::RUN_STATE_SUCCEEDED || state == v1::RUN_STATE_FAILED || state == v1::RUN_STATE_CANCELLED;
}

bool HasEnded(const SweepRecord& sweep) {
  const int64_t ended = sweep.run_counts[v1::RUN_STATE_SUCCEEDED] + sweep.run_counts[v1::RUN_STATE_FAILED] +
                        sweep.run_counts[v1::RUN_STATE_CANCELLED];
  return ended == static_cast<int64_t>(sweep.run_ids.size());
}

v1::SweepState DeriveSweepState(const SweepRecord& sweep) {
  if (sweep.cancelled) return v1::SWEEP_STATE_CANCELLED;
  if (!HasEnded(sweep)) return sweep.started ? v1::SWEEP_STATE_RUNNING : v1::SWEEP_STATE_QUEUED;
  if (sweep.run_counts[v1::RUN_STATE_FAILED] > 0) return v1::SWEEP_STATE_FAILED;
  return sweep.run_counts[v1::RUN_STATE_SUCCEEDED] > 0 ? v1::SWEEP_STATE_SUCCEEDED : v1::SWEEP_STATE_CANCELLED;
}

std::string NameOfBatches(const v1::SaeSpec& sae) {
  if (sae.target_hookpoint().empty()) return sae.hookpoint();
  return absl::StrCat(sae.hookpoint(), " -> ", sae.target_hookpoint());
}

std::string RunStateName(v1::RunState state) { return EnumWord(v1::RunState_Name(state), "RUN_STATE_"); }
std::string SweepStateName(v1::SweepState state) { return EnumWord(v1::SweepState_Name(state), "SWEEP_STATE_"); }
std::string FailureKindName(v1::FailureKind kind) { return EnumWord(v1::FailureKind_Name(kind), "FAILURE_KIND_"); }

}  // namespace seedbed
