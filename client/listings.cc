#include "client/listings.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/connection.h"
#include "client/format.h"
#include "client/run_table.h"
#include "client/stream_facts.h"
#include "client/table.h"
#include "client/user_table.h"
#include "common/clock.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr auto kRight = Table::Align::kRight;

std::string Took(const v1::Sweep& sweep, absl::Time now) {
  const int64_t end = sweep.ended_unix_ms() > 0 ? sweep.ended_unix_ms() : absl::ToUnixMillis(now);
  return FormatElapsed(absl::Milliseconds(end - sweep.submitted_unix_ms()));
}

std::string FormatSweeps(const v1::ListSweepsResponse& response, absl::Time now) {
  Table table(
      {{"SWEEP"}, {"NAME"}, {"USER"}, {"PRIORITY", kRight}, {"STATE"}, {"SUBMITTED"}, {"TOOK", kRight}, {"RUNS"}});
  for (const v1::Sweep& sweep : response.sweeps()) {
    table.AddRow({sweep.sweep_id(), sweep.spec().name(), sweep.spec().scheduling().user(),
                  absl::StrCat(sweep.spec().scheduling().priority()), FormatState(sweep.state()),
                  FormatTimestamp(sweep.submitted_unix_ms()), Took(sweep, now), FormatRunCounts(sweep)});
  }
  return table.ToString();
}

std::string FormatPlacements(const v1::Gang& gang) {
  return absl::StrJoin(gang.placements(), ", ", [](std::string* out, const v1::RankPlacement& placement) {
    absl::StrAppend(out, placement.worker(), "/", placement.slot());
  });
}

std::string FormatSweep(const v1::Sweep& sweep, absl::Time now) {
  Table facts({{"sweep"}, {sweep.sweep_id()}});
  facts.AddRow({"name", sweep.spec().name()});
  facts.AddRow({"user", sweep.spec().scheduling().user()});
  facts.AddRow({"priority", absl::StrCat(sweep.spec().scheduling().priority())});
  facts.AddRow({"state", FormatState(sweep.state())});
  facts.AddRow({"submitted", FormatTimestamp(sweep.submitted_unix_ms())});
  facts.AddRow({"took", Took(sweep, now)});
  facts.AddRow({"runs", FormatRunCounts(sweep)});
  facts.AddRow({"sibling sets", absl::StrCat(sweep.sibling_sets_size())});
  for (const Fact& fact : StreamFacts(sweep)) facts.AddRow({fact.name, fact.value});
  Table gangs({{"GANG"}, {"STATE"}, {"ATTEMPT", kRight}, {"FAILED", kRight}, {"RUNS", kRight}, {"RANKS"}});
  std::map<std::string, std::string> waits;
  for (const v1::GangWait& wait : sweep.waits()) waits[wait.gang_id()] = wait.explanation();
  for (const v1::Gang& gang : sweep.gangs()) {
    const auto wait = waits.find(gang.gang_id());
    gangs.AddRow({gang.gang_id(), FormatState(gang.state()), absl::StrCat(gang.attempt()),
                  absl::StrCat(gang.failed_attempts()), absl::StrCat(gang.run_ids_size()),
                  wait == waits.end() ? FormatPlacements(gang) : wait->second});
  }
  return absl::StrCat(facts.ToString(), "\n", gangs.ToString());
}

std::string StateOf(const v1::Worker& worker) {
  if (!worker.connected()) return "lost";
  return worker.draining() ? "draining" : "connected";
}

// "gpu=h100, rack=3"
std::string FormatLabels(const v1::Worker& worker) {
  const std::map<std::string, std::string> labels(worker.labels().begin(), worker.labels().end());
  return absl::StrJoin(labels, ", ", absl::PairFormatter("="));
}

std::string FormatWorkers(const v1::ListWorkersResponse& response, absl::Time now) {
  Table table(
      {{"WORKER"}, {"HOST"}, {"STATE"}, {"LAST REPORT", kRight}, {"SLOTS"}, {"BUSY", kRight}, {"LABELS"}, {"VERSION"}});
  for (const v1::Worker& worker : response.workers()) {
    const std::string slots = absl::StrJoin(
        worker.slots(), ", ", [](std::string* out, const v1::Slot& slot) { absl::StrAppend(out, slot.slot_id()); });
    const auto busy = std::count_if(worker.ranks().begin(), worker.ranks().end(),
                                    [](const v1::RankStatus& rank) { return rank.state() != v1::RANK_STATE_EXITED; });
    const absl::Duration ago = std::max(absl::ZeroDuration(), now - absl::FromUnixMillis(worker.last_report_unix_ms()));
    table.AddRow({worker.name(), worker.host(), StateOf(worker), absl::StrCat(FormatElapsed(ago), " ago"), slots,
                  absl::StrCat(busy), FormatLabels(worker), worker.version()});
  }
  return table.ToString();
}

std::string FormatExplanation(const v1::ExplainRunResponse& response) {
  const v1::Run& run = response.run();
  const std::string subject = absl::StrCat("run ", run.run_id(), " is ", FormatState(run.state()));
  if (response.has_wait()) {
    return absl::StrCat(subject, "; its gang ", response.gang().gang_id(), " ", response.wait().explanation(), "\n");
  }
  if (run.state() == v1::RUN_STATE_FAILED) return absl::StrCat(subject, ": ", run.failure().message(), "\n");
  if (response.gang().placements().empty()) return absl::StrCat(subject, "\n");
  return absl::StrCat(subject, "; its gang ", response.gang().gang_id(), " is on ", FormatPlacements(response.gang()),
                      "\n");
}

}  // namespace

std::string FormatRunCounts(const v1::Sweep& sweep) {
  std::vector<std::string> parts;
  for (int state = v1::RunState_MIN; state <= v1::RunState_MAX; ++state) {
    const auto count = sweep.run_counts().find(FormatState(static_cast<v1::RunState>(state)));
    if (count != sweep.run_counts().end() && count->second > 0) {
      parts.push_back(absl::StrCat(count->second, " ", count->first));
    }
  }
  return absl::StrJoin(parts, ", ");
}

absl::Status RunList(const ListingOptions& options, Console& console) {
  ASSIGN_OR_RETURN(const auto response, CoordinatorClient(options.server).ListSweeps());
  *console.out << (options.json ? ToJson(response) : FormatSweeps(response, Clock::Real()->Now()));
  return absl::OkStatus();
}

absl::Status RunGet(const ListingOptions& options, const std::string& sweep_id, Console& console) {
  v1::GetSweepResponse response;
  ASSIGN_OR_RETURN(*response.mutable_sweep(), CoordinatorClient(options.server).GetSweep(sweep_id));
  *console.out << (options.json ? ToJson(response) : FormatSweep(response.sweep(), Clock::Real()->Now()));
  return absl::OkStatus();
}

absl::Status RunRuns(const ListingOptions& options, const std::string& sweep_id, Console& console) {
  ASSIGN_OR_RETURN(const auto response, CoordinatorClient(options.server).ListRuns(sweep_id));
  *console.out << (options.json ? ToJson(response) : FormatRuns(response));
  return absl::OkStatus();
}

absl::Status RunWorkers(const ListingOptions& options, Console& console) {
  ASSIGN_OR_RETURN(const auto response, CoordinatorClient(options.server).ListWorkers());
  *console.out << (options.json ? ToJson(response) : FormatWorkers(response, Clock::Real()->Now()));
  return absl::OkStatus();
}

absl::Status RunExplain(const ListingOptions& options, const std::string& run_id, Console& console) {
  ASSIGN_OR_RETURN(const auto response, CoordinatorClient(options.server).ExplainRun(run_id));
  *console.out << (options.json ? ToJson(response) : FormatExplanation(response));
  return absl::OkStatus();
}

absl::Status RunUsers(const ListingOptions& options, Console& console) {
  ASSIGN_OR_RETURN(const auto response, CoordinatorClient(options.server).ListUsers());
  *console.out << (options.json ? ToJson(response) : FormatUsers(response));
  return absl::OkStatus();
}

}  // namespace seedbed
