#include "client/progress.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/format.h"
#include "client/table.h"

namespace seedbed {
namespace {

constexpr size_t kMostLines = 8;

std::string PhaseName(GangPhase phase) {
  switch (phase) {
    case GangPhase::kQueued:
      return "queued";
    case GangPhase::kStarting:
      return "starting";
    case GangPhase::kHarvesting:
      return "harvesting";
    case GangPhase::kTraining:
      return "training";
    case GangPhase::kExporting:
      return "exporting";
    case GangPhase::kEnded:
      return "ended";
  }
  return "";
}

double Fraction(int64_t part, int64_t whole) {
  return whole <= 0 ? 0 : std::clamp(static_cast<double>(part) / static_cast<double>(whole), 0.0, 1.0);
}

std::string Bar(double fraction, size_t width) {
  const size_t filled = static_cast<size_t>(fraction * static_cast<double>(width));
  std::string bar(filled, '=');
  if (filled < width) bar += '>';
  bar.resize(width, ' ');
  return absl::StrCat("[", bar, "] ", absl::StrFormat("%3d %%", static_cast<int>(fraction * 100)));
}

bool HasBar(GangPhase phase) {
  return phase == GangPhase::kHarvesting || phase == GangPhase::kTraining || phase == GangPhase::kExporting;
}

std::string Cut(const std::string& line, size_t width) {
  if (DisplayWidth(line) <= width) return line;
  return line.substr(0, width);  // Our lines are ASCII but for ids, which are too.
}

std::string Runs(size_t count) { return absl::StrCat(FormatCount(count), count == 1 ? " run" : " runs"); }

std::string GangName(const SweepView& view, const std::string& gang_id) {
  return absl::StrCat("gang ", view.GangNumber(gang_id), " of ", view.gangs().size());
}

std::string RunName(const SweepView& view, const std::string& run_id) {
  const v1::Run* run = view.FindRun(run_id);
  if (run == nullptr) return absl::StrCat("run ", run_id);
  return absl::StrCat("run ", run_id, " (", FormatSae(run->sae()), ", seed ", run->sae().seed(), ")");
}

std::string FormatSubmitted(const v1::SweepSubmitted& submitted) {
  return absl::StrCat(Runs(submitted.runs_size()), " in ", submitted.gangs_size(),
                      submitted.gangs_size() == 1 ? " gang, " : " gangs, ", submitted.sibling_sets_size(),
                      submitted.sibling_sets_size() == 1 ? " sibling set" : " sibling sets");
}

std::string FormatPlaced(const SweepView& view, const v1::GangPlaced& placed) {
  const std::string places = absl::StrJoin(placed.placements(), ", ", [](std::string* out, const auto& placement) {
    absl::StrAppend(out, placement.worker(), "/", placement.slot());
  });
  return absl::StrCat(GangName(view, placed.gang_id()), ": attempt ", placed.attempt(), " on ", places);
}

std::string FormatSucceeded(const SweepView& view, const v1::RunSucceeded& succeeded) {
  const v1::RunResult& result = succeeded.result();
  v1::Run run;
  if (const v1::Run* known = view.FindRun(succeeded.run_id()); known != nullptr) *run.mutable_sae() = known->sae();
  *run.mutable_result() = result;
  return absl::StrCat(RunName(view, succeeded.run_id()), ": succeeded, FVU ", FormatFixed(result.metrics().fvu(), 4),
                      run.sae().target_l0() > 0 ? absl::StrCat(", L0 ", FormatL0(run)) : "", ", dead ",
                      FormatFixed(100 * result.metrics().dead_fraction(), 1), " %, batches ", result.batch_hash());
}

std::string FormatFailed(const SweepView& view, const v1::RunFailed& failed) {
  const std::string line =
      absl::StrCat(RunName(view, failed.run_id()), ": failed, ", FormatKind(failed.failure().kind()));
  // Other failures are explained once, at the end.
  if (failed.failure().kind() != v1::FAILURE_KIND_BATCH_MISMATCH) return line;
  return absl::StrCat(line, ": ", OneLine(failed.failure().message()));
}

std::string FormatAttemptEnded(const SweepView& view, const v1::Event& event) {
  const v1::GangAttemptEnded& ended = event.gang_attempt_ended();
  if (!ended.has_failure()) return "";
  std::string line = absl::StrCat(GangName(view, ended.gang_id()), ": attempt ", ended.attempt(),
                                  " ended: ", FormatFailure(ended.failure()));
  const size_t number = view.GangNumber(ended.gang_id());
  if (number > 0 && view.ProgressOf(view.gangs()[number - 1]).live_runs > 0) {
    const auto wait = absl::Milliseconds(std::max<int64_t>(0, ended.not_before_unix_ms() - event.time_unix_ms()));
    absl::StrAppend(&line, "; next attempt in ", FormatElapsed(wait));
  }
  return line;
}

}  // namespace

std::string FormatProgress(const GangProgress& progress, size_t bar_width, size_t width) {
  const bool harvesting = progress.phase == GangPhase::kHarvesting;
  std::vector<std::string> parts;
  if (bar_width > 0 && HasBar(progress.phase)) {
    parts.push_back(Bar(harvesting ? Fraction(progress.tokens_harvested, progress.tokens_to_harvest)
                                   : Fraction(progress.step, progress.total_steps),
                        bar_width));
  }
  if (harvesting) {
    parts.push_back(
        absl::StrCat(FormatCount(progress.tokens_harvested), "/", FormatCount(progress.tokens_to_harvest), " tokens"));
    if (progress.tokens_per_second > 0) {
      parts.push_back(absl::StrCat(FormatCount(std::llround(progress.tokens_per_second)), " tokens/s"));
    }
    if (progress.tokens_per_second > 0 && progress.seconds_left < 0) {
      const double left = static_cast<double>(progress.tokens_to_harvest - progress.tokens_harvested);
      parts.push_back(
          absl::StrCat(FormatElapsed(absl::Seconds(left / progress.tokens_per_second)), " left to harvest"));
    }
  }
  if (progress.step > 0) {
    parts.push_back(absl::StrCat("step ", FormatCount(progress.step), "/", FormatCount(progress.total_steps)));
    if (progress.resumed_step > 0)
      parts.push_back(absl::StrCat("resumed at step ", FormatCount(progress.resumed_step)));
  }
  if (progress.fvu >= 0) parts.push_back(absl::StrCat("FVU ", FormatFixed(progress.fvu, 4)));
  if (progress.seconds_left >= 0 && progress.phase != GangPhase::kQueued) {
    parts.push_back(absl::StrCat(FormatElapsed(absl::Seconds(progress.seconds_left)), " left"));
  }
  const std::string phase = PhaseName(progress.phase);
  if (parts.empty()) return Cut(phase, width);
  return Cut(absl::StrFormat("%-10s  %s", phase, absl::StrJoin(parts, "  ")), width);
}

std::vector<std::string> ProgressLines(const SweepView& view, size_t bar_width, size_t width) {
  std::vector<std::string> lines;
  size_t more = 0;
  for (const SweepView::GangView& gang : view.gangs()) {
    const GangProgress progress = view.ProgressOf(gang);
    if (progress.phase == GangPhase::kEnded) continue;
    if (lines.size() == kMostLines) {
      ++more;
      continue;
    }
    std::string name = Runs(progress.live_runs);
    if (view.gangs().size() > 1) name = absl::StrCat(GangName(view, gang.gang_id), ", ", name);
    lines.push_back(Cut(absl::StrCat(name, "  ", FormatProgress(progress, bar_width, width)), width));
  }
  if (more > 0) lines.push_back(absl::StrCat("and ", more, more == 1 ? " more gang" : " more gangs"));
  return lines;
}

std::string FormatEvent(const SweepView& view, const v1::Event& event) {
  switch (event.body_case()) {
    case v1::Event::kSweepSubmitted:
      return FormatSubmitted(event.sweep_submitted());
    case v1::Event::kGangPlaced:
      return FormatPlaced(view, event.gang_placed());
    case v1::Event::kRunsAdvanced:
      return absl::StrCat(GangName(view, event.runs_advanced().gang_id()), ": ",
                          Runs(event.runs_advanced().run_ids_size()), " ", FormatState(event.runs_advanced().state()));
    case v1::Event::kRunSucceeded:
      return FormatSucceeded(view, event.run_succeeded());
    case v1::Event::kRunFailed:
      return FormatFailed(view, event.run_failed());
    case v1::Event::kGangAttemptEnded:
      return FormatAttemptEnded(view, event);
    case v1::Event::kSweepCancelled:
      return "the sweep was cancelled";
    case v1::Event::kSiblingSetFinished:
      return absl::StrCat("sibling set ", event.sibling_set_finished().sibling_set_id(), ": ",
                          Runs(event.sibling_set_finished().run_ids_size()), " to compare");
    default:
      return "";
  }
}

void ProgressPrinter::Print(const std::string& line) {
  if (terminal_) Draw({});
  out_ << line << '\n' << std::flush;
}

void ProgressPrinter::Draw(const std::vector<std::string>& lines) {
  if (!terminal_) return;
  // Up to the first line drawn before, and everything from there on cleared.
  if (drawn_ > 0) out_ << "\x1b[" << drawn_ << "A\r\x1b[J";
  for (const std::string& line : lines) out_ << line << '\n';
  out_ << std::flush;
  drawn_ = lines.size();
}

}  // namespace seedbed
