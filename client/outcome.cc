#include "client/outcome.h"

#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/agreement_report.h"
#include "client/format.h"
#include "client/run_table.h"

namespace seedbed {
namespace {

using FailureText = std::string;

constexpr char kMismatch[] = "BATCH MISMATCH";

// What means that siblings were not trained on the same data is not to be overlooked.
FailureText DescribeFailure(const v1::Failure& failure) {
  if (failure.kind() != v1::FAILURE_KIND_BATCH_MISMATCH) return FormatFailure(failure);
  return absl::StrCat(kMismatch, ": ", OneLine(failure.message()));
}

// Mismatches first.
struct ByWeight {
  bool operator()(const FailureText& a, const FailureText& b) const {
    const bool a_last = !absl::StartsWith(a, kMismatch);
    const bool b_last = !absl::StartsWith(b, kMismatch);
    return std::tie(a_last, a) < std::tie(b_last, b);
  }
};

// Runs that failed in the same words, by those words.
using RunsByFailure = std::map<FailureText, std::vector<const v1::Run*>, ByWeight>;

RunsByFailure FailedRuns(const SweepOutcome& outcome) {
  RunsByFailure failed;
  for (const v1::Run& run : outcome.runs.runs()) {
    if (run.state() == v1::RUN_STATE_FAILED) failed[DescribeFailure(run.failure())].push_back(&run);
  }
  return failed;
}

int CountRuns(const SweepOutcome& outcome, v1::RunState state) {
  int count = 0;
  for (const v1::Run& run : outcome.runs.runs()) count += run.state() == state;
  return count;
}

// "seeds 0, 1" or, of runs that differ in more, their number.
std::string WhichRuns(const std::vector<const v1::Run*>& runs) {
  if (runs.size() > 1) return absl::StrCat(runs.size(), " runs");
  return absl::StrCat("run ", runs[0]->run_id(), " (", FormatSae(runs[0]->sae()), ", seed ", runs[0]->sae().seed(),
                      ")");
}

std::string ElapsedText(const v1::Sweep& sweep) {
  if (sweep.ended_unix_ms() <= sweep.submitted_unix_ms()) return "";
  return absl::StrCat(" in ", FormatElapsed(absl::Milliseconds(sweep.ended_unix_ms() - sweep.submitted_unix_ms())));
}

}  // namespace

std::set<std::string> ExpectedAgreements(const SweepOutcome& outcome) {
  std::map<std::string, int> succeeded;
  for (const v1::Run& run : outcome.runs.runs()) {
    if (run.state() == v1::RUN_STATE_SUCCEEDED) ++succeeded[run.sibling_set_id()];
  }
  std::set<std::string> expected;
  for (const auto& [sibling_set_id, count] : succeeded) {
    if (count >= 2) expected.insert(sibling_set_id);
  }
  return expected;
}

std::string FormatOutcome(const SweepOutcome& outcome) {
  std::string text = "\n";
  if (outcome.agreements.agreements_size() > 0) {
    absl::StrAppend(&text, FormatAgreements(outcome.agreements), "\n");
  }
  if (const std::string exports = FormatExports(outcome.runs); !exports.empty()) absl::StrAppend(&text, exports, "\n");
  absl::StrAppend(&text, "sweep ", outcome.sweep.sweep_id(), " ", FormatState(outcome.sweep.state()),
                  ElapsedText(outcome.sweep), ": ", CountRuns(outcome, v1::RUN_STATE_SUCCEEDED), " of ",
                  outcome.runs.runs_size(), " runs succeeded\n");
  return text;
}

std::string OutcomeToJson(const SweepOutcome& outcome) {
  const auto list = [](const auto& messages) {
    return absl::StrJoin(messages, ",\n",
                         [](std::string* out, const auto& message) { absl::StrAppend(out, ToJson(message)); });
  };
  return absl::StrCat("{\"sweep\": ", ToJson(outcome.sweep), ",\n\"runs\": [", list(outcome.runs.runs()),
                      "],\n\"agreements\": [", list(outcome.agreements.agreements()), "]}\n");
}

std::string FormatLogTails(const SweepOutcome& outcome) {
  std::string text;
  for (const auto& [failure, runs] : FailedRuns(outcome)) {
    const v1::Failure& first = runs[0]->failure();
    if (first.kind() == v1::FAILURE_KIND_USER_ERROR || first.log_tail().empty()) continue;
    absl::StrAppend(&text, "last lines of rank ", first.rank(), " of ", WhichRuns(runs), ":\n");
    for (const std::string& line : first.log_tail()) absl::StrAppend(&text, "  | ", line, "\n");
  }
  return text;
}

absl::Status OutcomeStatus(const SweepOutcome& outcome) {
  std::vector<std::string> reasons;
  for (const auto& [failure, runs] : FailedRuns(outcome)) {
    reasons.push_back(absl::StrCat(WhichRuns(runs), ": ", failure));
  }
  std::set<std::string> missing = ExpectedAgreements(outcome);
  for (const v1::Agreement& agreement : outcome.agreements.agreements()) {
    missing.erase(agreement.sibling_set_id());
    if (agreement.has_failure()) {
      reasons.push_back(absl::StrCat("no agreement of sibling set ", agreement.sibling_set_id(), ": ",
                                     FormatFailure(agreement.failure())));
    }
  }
  for (const std::string& id : missing) reasons.push_back(absl::StrCat("no agreement of sibling set ", id));
  if (outcome.sweep.state() == v1::SWEEP_STATE_CANCELLED) reasons.push_back("it was cancelled");
  if (reasons.empty() && CountRuns(outcome, v1::RUN_STATE_SUCCEEDED) == outcome.runs.runs_size()) {
    return absl::OkStatus();
  }
  if (reasons.empty()) reasons.push_back("not every run succeeded");
  return absl::AbortedError(
      absl::StrCat("sweep ", outcome.sweep.sweep_id(), " did not succeed: ", absl::StrJoin(reasons, "; ")));
}

}  // namespace seedbed
