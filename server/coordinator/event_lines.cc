#include "server/coordinator/event_lines.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/enum_word.h"
#include "common/logging.h"
#include "server/state/records.h"

namespace seedbed {
namespace {

std::string SlotList(const v1::GangPlaced& placed) {
  return absl::StrJoin(placed.placements(), " ", [](std::string* out, const v1::RankPlacement& placement) {
    absl::StrAppend(out, placement.worker(), "/", placement.slot());
  });
}

void LogAttemptEnd(const std::string& sweep, const v1::GangAttemptEnded& body) {
  if (body.interruption() != v1::INTERRUPTION_UNSPECIFIED) {
    return Log(LogLevel::kInfo, "attempt interrupted",
               {{"sweep", sweep},
                {"gang", body.gang_id()},
                {"attempt", body.attempt()},
                {"why", EnumWord(v1::Interruption_Name(body.interruption()), "INTERRUPTION_")},
                {"preempted_by", body.preempted_by()}});
  }
  if (!body.has_failure()) {
    Log(LogLevel::kInfo, "attempt ended", {{"sweep", sweep}, {"gang", body.gang_id()}, {"attempt", body.attempt()}});
    return;
  }
  Log(LogLevel::kWarning, "attempt failed",
      {{"sweep", sweep},
       {"gang", body.gang_id()},
       {"attempt", body.attempt()},
       {"rank", body.failure().rank()},
       {"kind", FailureKindName(body.failure().kind())},
       {"message", body.failure().message()},
       {"retried", body.not_before_unix_ms() > 0}});
}

}  // namespace

void LogEvent(const v1::Event& event) {
  const std::string& sweep = event.sweep_id();
  switch (event.body_case()) {
    case v1::Event::kSweepSubmitted:
      return Log(LogLevel::kInfo, "sweep submitted",
                 {{"sweep", sweep},
                  {"name", event.sweep_submitted().spec().name()},
                  {"runs", event.sweep_submitted().runs_size()},
                  {"gangs", event.sweep_submitted().gangs_size()}});
    case v1::Event::kGangPlaced:
      return Log(LogLevel::kInfo, "gang placed",
                 {{"sweep", sweep},
                  {"gang", event.gang_placed().gang_id()},
                  {"attempt", event.gang_placed().attempt()},
                  {"slots", SlotList(event.gang_placed())}});
    case v1::Event::kRunsAdvanced:
      return Log(LogLevel::kInfo, "runs advanced",
                 {{"sweep", sweep},
                  {"gang", event.runs_advanced().gang_id()},
                  {"attempt", event.runs_advanced().attempt()},
                  {"runs", event.runs_advanced().run_ids_size()},
                  {"state", RunStateName(event.runs_advanced().state())}});
    case v1::Event::kRunSucceeded:
      return Log(LogLevel::kInfo, "run succeeded",
                 {{"sweep", sweep},
                  {"run", event.run_succeeded().run_id()},
                  {"attempt", event.run_succeeded().attempt()},
                  {"fvu", event.run_succeeded().result().metrics().fvu()}});
    case v1::Event::kRunFailed:
      return Log(event.run_failed().failure().kind() == v1::FAILURE_KIND_BATCH_MISMATCH ? LogLevel::kError
                                                                                        : LogLevel::kWarning,
                 "run failed",
                 {{"sweep", sweep},
                  {"run", event.run_failed().run_id()},
                  {"attempt", event.run_failed().attempt()},
                  {"kind", FailureKindName(event.run_failed().failure().kind())},
                  {"message", event.run_failed().failure().message()}});
    case v1::Event::kGangAttemptEnded:
      return LogAttemptEnd(sweep, event.gang_attempt_ended());
    case v1::Event::kSweepCancelled:
      return Log(LogLevel::kInfo, "sweep cancelled", {{"sweep", sweep}});
    case v1::Event::kSiblingSetFinished:
      return Log(LogLevel::kInfo, "sibling set finished",
                 {{"sweep", sweep},
                  {"sibling_set", event.sibling_set_finished().sibling_set_id()},
                  {"runs", event.sibling_set_finished().run_ids_size()}});
    case v1::Event::kRunsHeld:
      return Log(LogLevel::kInfo, "runs held", {{"sweep", sweep}, {"runs", event.runs_held().run_ids_size()}});
    case v1::Event::kRunsResumed:
      return Log(LogLevel::kInfo, "runs resumed", {{"sweep", sweep}, {"runs", event.runs_resumed().run_ids_size()}});
    case v1::Event::kRunsCancelled:
      return Log(LogLevel::kInfo, "runs cancelled",
                 {{"sweep", sweep}, {"runs", event.runs_cancelled().run_ids_size()}});
    case v1::Event::kRunsRetried:
      return Log(LogLevel::kInfo, "runs retried", {{"sweep", sweep}, {"runs", event.runs_retried().run_ids_size()}});
    case v1::Event::kWorkerDrainChanged:
      return Log(LogLevel::kInfo, event.worker_drain_changed().draining() ? "worker drains" : "worker drains no longer",
                 {{"worker", event.worker_drain_changed().worker()}});
    case v1::Event::kQuotaChanged:
      return Log(LogLevel::kInfo, "quota changed",
                 {{"user", event.quota_changed().user()},
                  {"most_slots", event.quota_changed().most_slots()},
                  {"share", event.quota_changed().share()}});
    case v1::Event::BODY_NOT_SET:
      return;
  }
}

}  // namespace seedbed
