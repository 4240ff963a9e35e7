#include "client/sweep_view.h"

#include <algorithm>

namespace seedbed {
namespace {

GangPhase PhaseOf(const std::vector<const v1::Run*>& live, const GangProgress& progress) {
  if (live.empty()) return GangPhase::kEnded;
  const auto all_are = [&](v1::RunState state) {
    return std::all_of(live.begin(), live.end(), [&](const v1::Run* run) { return run->state() == state; });
  };
  const auto any_is = [&](v1::RunState state) {
    return std::any_of(live.begin(), live.end(), [&](const v1::Run* run) { return run->state() == state; });
  };
  if (all_are(v1::RUN_STATE_QUEUED)) return GangPhase::kQueued;
  if (all_are(v1::RUN_STATE_EXPORTING)) return GangPhase::kExporting;
  if (progress.tokens_harvested < progress.tokens_to_harvest) return GangPhase::kHarvesting;
  if (progress.step > 0 || any_is(v1::RUN_STATE_TRAINING)) return GangPhase::kTraining;
  return GangPhase::kStarting;
}

}  // namespace

bool HasEnded(v1::RunState state) {
  return state == v1::RUN_STATE_SUCCEEDED || state == v1::RUN_STATE_FAILED || state == v1::RUN_STATE_CANCELLED;
}

void RateMeter::Add(absl::Duration time, int64_t count) {
  if (!samples_.empty() && count < samples_.back().second) samples_.clear();
  samples_.emplace_back(time, count);
  while (samples_.size() > 2 && samples_.front().first < time - kWindow) samples_.pop_front();
}

double RateMeter::PerSecond() const {
  if (samples_.size() < 2) return 0;
  const double seconds = absl::ToDoubleSeconds(samples_.back().first - samples_.front().first);
  return seconds > 0 ? static_cast<double>(samples_.back().second - samples_.front().second) / seconds : 0;
}

bool SweepView::Apply(const v1::Event& event) {
  if (event.number() <= last_event_) return false;
  last_event_ = event.number();
  switch (event.body_case()) {
    case v1::Event::kSweepSubmitted:
      ApplySubmitted(event.sweep_submitted());
      break;
    case v1::Event::kGangPlaced:
      MoveLiveRuns(event.gang_placed().gang_id(), v1::RUN_STATE_PLACED);
      if (GangView* gang = FindGang(event.gang_placed().gang_id())) gang->attempt = event.gang_placed().attempt();
      break;
    case v1::Event::kRunsAdvanced:
      for (const auto& run_id : event.runs_advanced().run_ids()) SetState(run_id, event.runs_advanced().state());
      break;
    case v1::Event::kRunSucceeded:
      SetState(event.run_succeeded().run_id(), v1::RUN_STATE_SUCCEEDED);
      break;
    case v1::Event::kRunFailed:
      SetState(event.run_failed().run_id(), v1::RUN_STATE_FAILED);
      break;
    case v1::Event::kGangAttemptEnded:
      MoveLiveRuns(event.gang_attempt_ended().gang_id(), v1::RUN_STATE_QUEUED);
      break;
    case v1::Event::kRunsHeld:
      for (const auto& run_id : event.runs_held().run_ids()) SetState(run_id, v1::RUN_STATE_HELD);
      break;
    case v1::Event::kRunsResumed:
      for (const auto& run_id : event.runs_resumed().run_ids()) SetState(run_id, v1::RUN_STATE_QUEUED);
      break;
    case v1::Event::kRunsCancelled:
      for (const auto& run_id : event.runs_cancelled().run_ids()) SetState(run_id, v1::RUN_STATE_CANCELLED);
      break;
    case v1::Event::kRunsRetried:
      for (const auto& run_id : event.runs_retried().run_ids()) SetState(run_id, v1::RUN_STATE_QUEUED);
      break;
    case v1::Event::kSweepCancelled:
      cancelled_ = true;
      MoveLiveRuns("", v1::RUN_STATE_CANCELLED);
      break;
    default:
      break;
  }
  return true;
}

void SweepView::ApplySubmitted(const v1::SweepSubmitted& submitted) {
  for (const v1::Run& run : submitted.runs()) runs_[run.run_id()].run = run;
  for (const v1::Gang& gang : submitted.gangs()) {
    GangView view;
    view.gang_id = gang.gang_id();
    view.run_ids.assign(gang.run_ids().begin(), gang.run_ids().end());
    gangs_.push_back(std::move(view));
  }
  MoveLiveRuns("", v1::RUN_STATE_QUEUED);
}

void SweepView::MoveLiveRuns(const std::string& gang_id, v1::RunState state) {
  for (GangView& gang : gangs_) {
    if (!gang_id.empty() && gang.gang_id != gang_id) continue;
    gang.harvest_rate.Clear();
    for (const std::string& run_id : gang.run_ids) {
      RunView& run = runs_[run_id];
      // One that is held is in no attempt.
      const bool stays = run.run.state() == v1::RUN_STATE_HELD && state != v1::RUN_STATE_CANCELLED;
      if (HasEnded(run.run.state()) || stays) continue;
      run.run.set_state(state);
      run.run.clear_progress();
      run.has_progress = false;
    }
  }
}

void SweepView::SetState(const std::string& run_id, v1::RunState state) {
  if (const auto run = runs_.find(run_id); run != runs_.end()) run->second.run.set_state(state);
}

void SweepView::Apply(const v1::RunProgress& progress, absl::Duration now) {
  const auto found = runs_.find(progress.run_id());
  if (found == runs_.end() || HasEnded(found->second.run.state())) return;
  RunView& run = found->second;
  *run.run.mutable_progress() = progress;
  run.has_progress = true;
  for (GangView& gang : gangs_) {
    if (std::count(gang.run_ids.begin(), gang.run_ids.end(), progress.run_id()) == 0) continue;
    gang.harvest_rate.Add(now, ProgressOf(gang).tokens_harvested);
  }
}

bool SweepView::ended() const {
  return !runs_.empty() &&
         std::all_of(runs_.begin(), runs_.end(), [](const auto& entry) { return HasEnded(entry.second.run.state()); });
}

size_t SweepView::GangNumber(const std::string& gang_id) const {
  for (size_t i = 0; i < gangs_.size(); ++i) {
    if (gangs_[i].gang_id == gang_id) return i + 1;
  }
  return 0;
}

SweepView::GangView* SweepView::FindGang(const std::string& gang_id) {
  const size_t number = GangNumber(gang_id);
  return number == 0 ? nullptr : &gangs_[number - 1];
}

const v1::Run* SweepView::FindRun(const std::string& run_id) const {
  const auto run = runs_.find(run_id);
  return run == runs_.end() ? nullptr : &run->second.run;
}

GangProgress SweepView::ProgressOf(const GangView& gang) const {
  GangProgress all;
  std::vector<const v1::Run*> live;
  double fvu_sum = 0;
  int fvu_count = 0;
  for (const std::string& run_id : gang.run_ids) {
    const RunView& view = runs_.at(run_id);
    if (HasEnded(view.run.state())) continue;
    live.push_back(&view.run);
    if (!view.has_progress) continue;
    const v1::RunProgress& progress = view.run.progress();
    all.tokens_harvested = std::max(all.tokens_harvested, progress.tokens_harvested());
    all.tokens_to_harvest = std::max(all.tokens_to_harvest, progress.tokens_to_harvest());
    if (all.total_steps == 0 || progress.step() < all.step) {
      all.step = progress.step();
      all.resumed_step = progress.resumed_step();
    }
    all.total_steps = std::max(all.total_steps, progress.total_steps());
    all.seconds_left = std::max(all.seconds_left, progress.seconds_left());
    if (progress.step() > 0) {
      fvu_sum += progress.metrics().fvu();
      ++fvu_count;
    }
  }
  all.live_runs = live.size();
  all.tokens_per_second = gang.harvest_rate.PerSecond();
  if (fvu_count > 0) all.fvu = fvu_sum / fvu_count;
  all.phase = PhaseOf(live, all);
  return all;
}

}  // namespace seedbed
