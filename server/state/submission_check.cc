#include "server/state/submission_check.h"

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "server/state/ids.h"

namespace seedbed {
namespace {

absl::Status Contradiction(absl::string_view what) { return absl::FailedPreconditionError(what); }

using RunsById = absl::flat_hash_map<absl::string_view, const v1::Run*>;

absl::StatusOr<RunsById> IndexRuns(absl::string_view sweep_id, const v1::SweepSubmitted& body) {
  if (body.runs().empty()) return Contradiction("has no runs");
  RunsById runs;
  for (int i = 0; i < body.runs_size(); ++i) {
    const v1::Run& run = body.runs(i);
    if (run.run_id() != RunId(sweep_id, i)) {
      return Contradiction(absl::StrCat("run ", i, " is named \"", run.run_id(), "\""));
    }
    if (run.sweep_id() != sweep_id) return Contradiction(absl::StrCat(run.run_id(), " is of another sweep"));
    if (run.state() != v1::RUN_STATE_QUEUED) return Contradiction(absl::StrCat(run.run_id(), " is not queued"));
    runs[run.run_id()] = &run;
  }
  return runs;
}

// Every id in `members` names a run for which `belongs` holds. Adds to `listed`.
template <typename Belongs>
absl::Status CheckMembers(const RunsById& runs, absl::string_view group,
                          const google::protobuf::RepeatedPtrField<std::string>& members, Belongs belongs,
                          absl::flat_hash_map<absl::string_view, absl::string_view>& listed) {
  if (members.empty()) return Contradiction(absl::StrCat(group, " has no runs"));
  for (const std::string& run_id : members) {
    const auto run = runs.find(run_id);
    if (run == runs.end() || !belongs(*run->second)) {
      return Contradiction(absl::StrCat(group, " lists ", run_id, ", which is not of it"));
    }
    if (!listed.emplace(run_id, group).second) return Contradiction(absl::StrCat(run_id, " is listed twice"));
  }
  return absl::OkStatus();
}

absl::Status CheckGangs(absl::string_view sweep_id, const RunsById& runs, const v1::SweepSubmitted& body) {
  absl::flat_hash_map<absl::string_view, absl::string_view> listed;
  for (int i = 0; i < body.gangs_size(); ++i) {
    const v1::Gang& gang = body.gangs(i);
    if (gang.gang_id() != GangId(sweep_id, i) || gang.sweep_id() != sweep_id) {
      return Contradiction(absl::StrCat("gang ", i, " is named \"", gang.gang_id(), "\""));
    }
    if (gang.state() != v1::GANG_STATE_QUEUED || gang.attempt() != 0) {
      return Contradiction(absl::StrCat(gang.gang_id(), " is not new"));
    }
    RETURN_IF_ERROR(CheckMembers(
        runs, gang.gang_id(), gang.run_ids(), [&](const v1::Run& run) { return run.gang_id() == gang.gang_id(); },
        listed));
  }
  return listed.size() == runs.size() ? absl::OkStatus() : Contradiction("a run is in no gang");
}

absl::Status CheckSiblingSets(absl::string_view sweep_id, const RunsById& runs, const v1::SweepSubmitted& body) {
  absl::flat_hash_map<absl::string_view, absl::string_view> listed;
  for (int i = 0; i < body.sibling_sets_size(); ++i) {
    const v1::SiblingSet& set = body.sibling_sets(i);
    if (set.sibling_set_id() != SiblingSetId(sweep_id, i)) {
      return Contradiction(absl::StrCat("sibling set ", i, " is named \"", set.sibling_set_id(), "\""));
    }
    RETURN_IF_ERROR(CheckMembers(
        runs, set.sibling_set_id(), set.run_ids(),
        [&](const v1::Run& run) { return run.sibling_set_id() == set.sibling_set_id(); }, listed));
  }
  return listed.size() == runs.size() ? absl::OkStatus() : Contradiction("a run is in no sibling set");
}

}  // namespace

absl::Status CheckSubmission(absl::string_view sweep_id, const v1::SweepSubmitted& body) {
  ASSIGN_OR_RETURN(const RunsById runs, IndexRuns(sweep_id, body));
  RETURN_IF_ERROR(CheckGangs(sweep_id, runs, body));
  return CheckSiblingSets(sweep_id, runs, body);
}

}  // namespace seedbed
