#include "server/coordinator/views.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "proto/rpc/status.h"
#include "server/coordinator/field_violations.h"

namespace seedbed {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kLargestPage = 1000;
constexpr size_t kMostPageBytes = 4 << 20;

struct PageRange {
  int64_t begin = 0;  // Index of the first.
  int64_t size = 0;
};

// A token is the index that the page begins at; `total` is how many there are.
absl::StatusOr<PageRange> ParsePage(int page_size, const std::string& token, int64_t total) {
  ViolationList violations;
  violations.CheckRange("page_size", page_size, 0, kLargestPage);
  PageRange page;
  page.size = page_size == 0 ? kDefaultPage : page_size;
  if (!token.empty() && (!absl::SimpleAtoi(token, &page.begin) || page.begin < 0 || page.begin > total)) {
    violations.Add("page_token", absl::StrCat("is ", Quoted(token), "; must be one that the page before gave"));
  }
  if (violations.empty()) return page;
  return FieldViolationsError(AsFields(violations));
}

// Adds items from `page.begin` on until the page is full, and sets the token of the next one. `add(i)` adds item i and
// returns its size in bytes.
template <typename AddItem>
std::string FillPage(const PageRange& page, int64_t total, AddItem add) {
  const int64_t end = std::min(page.begin + page.size, total);
  size_t bytes = 0;
  int64_t next = page.begin;
  while (next < end && (next == page.begin || bytes < kMostPageBytes)) bytes += add(next++);
  return next < total ? absl::StrCat(next) : "";
}

}  // namespace

absl::Status NoSuchSweep(absl::string_view sweep_id) {
  return absl::NotFoundError(absl::StrCat("there is no sweep ", Quoted(sweep_id)));
}

absl::Status NoSuchRun(absl::string_view run_id) {
  return absl::NotFoundError(absl::StrCat("there is no run ", Quoted(run_id)));
}

v1::Sweep ViewSweep(const State& state, const SweepRecord& sweep, bool with_gangs) {
  v1::Sweep view;
  view.set_sweep_id(sweep.sweep_id);
  *view.mutable_spec() = sweep.spec;
  view.set_state(DeriveSweepState(sweep));
  view.set_submitted_unix_ms(sweep.submitted_unix_ms);
  view.set_ended_unix_ms(sweep.ended_unix_ms);
  view.set_last_event(sweep.last_event);
  for (int run_state = v1::RUN_STATE_QUEUED; run_state < v1::RunState_ARRAYSIZE; ++run_state) {
    if (sweep.run_counts[run_state] == 0) continue;
    (*view.mutable_run_counts())[RunStateName(static_cast<v1::RunState>(run_state))] =
        static_cast<int>(sweep.run_counts[run_state]);
  }
  for (const std::string& set_id : sweep.sibling_set_ids) {
    *view.add_sibling_sets() = state.FindSiblingSet(set_id)->set;
  }
  if (!with_gangs) return view;
  for (const std::string& gang_id : sweep.gang_ids) *view.add_gangs() = ViewGang(*state.FindGang(gang_id));
  return view;
}

v1::Gang ViewGang(const GangRecord& gang) {
  v1::Gang view = gang.gang;
  if (view.state() != v1::GANG_STATE_ACTIVE) view.clear_placements();
  return view;
}

v1::Run ViewRun(const v1::Run& run, const ProgressByRun& progress) {
  v1::Run view = run;
  if (const auto latest = progress.find(run.run_id()); latest != progress.end()) {
    *view.mutable_progress() = latest->second;
  }
  return view;
}

absl::StatusOr<v1::ListSweepsResponse> ViewSweeps(const State& state, const v1::ListSweepsRequest& request) {
  // Sweeps come newest first, so a token counts the sweeps that are left: those before were submitted earlier, and new
  // ones do not shift it.
  const int64_t total = static_cast<int64_t>(state.sweeps().size());
  ASSIGN_OR_RETURN(PageRange page, ParsePage(request.page_size(), request.page_token(), total));
  const int64_t left = request.page_token().empty() ? total : page.begin;
  page.begin = total - left;
  v1::ListSweepsResponse response;
  const std::string next = FillPage(page, total, [&](int64_t index) {
    *response.add_sweeps() = ViewSweep(state, state.sweeps()[total - 1 - index], /*with_gangs=*/false);
    return response.sweeps().rbegin()->ByteSizeLong();
  });
  int64_t next_index = 0;
  if (absl::SimpleAtoi(next, &next_index)) response.set_next_page_token(absl::StrCat(total - next_index));
  return response;
}

absl::StatusOr<v1::ListRunsResponse> ViewRuns(const State& state, const ProgressByRun& progress,
                                              const v1::ListRunsRequest& request) {
  const SweepRecord* sweep = state.FindSweep(request.sweep_id());
  if (sweep == nullptr) return NoSuchSweep(request.sweep_id());
  const int64_t total = static_cast<int64_t>(sweep->run_ids.size());
  ASSIGN_OR_RETURN(const PageRange page, ParsePage(request.page_size(), request.page_token(), total));
  v1::ListRunsResponse response;
  response.set_next_page_token(FillPage(page, total, [&](int64_t index) {
    *response.add_runs() = ViewRun(*state.FindRun(sweep->run_ids[index]), progress);
    return response.runs().rbegin()->ByteSizeLong();
  }));
  return response;
}

v1::Worker ViewWorker(const State& state, const std::string& name, const WorkerEntry& worker) {
  v1::Worker view;
  view.set_name(name);
  view.set_instance_id(worker.report.instance_id());
  view.set_host(worker.report.host());
  view.set_version(worker.report.version());
  view.set_connected(worker.session != 0);
  view.set_last_report_unix_ms(worker.last_report_unix_ms);
  *view.mutable_slots() = worker.report.slots();
  *view.mutable_ranks() = worker.report.ranks();
  *view.mutable_labels() = worker.report.labels();
  view.set_draining(state.draining_workers().contains(name));
  return view;
}

v1::ListWorkersResponse ViewWorkers(const State& state, const WorkerTable& workers) {
  v1::ListWorkersResponse response;
  for (const auto& [name, worker] : workers.workers()) *response.add_workers() = ViewWorker(state, name, worker);
  return response;
}

v1::User ViewUser(const UserRecord& user, int64_t now_unix_ms) {
  v1::User view;
  view.set_name(user.name);
  view.set_most_slots(user.most_slots);
  view.set_share(user.share);
  for (const v1::DeviceKind device : {v1::DEVICE_KIND_CPU, v1::DEVICE_KIND_CUDA}) {
    view.set_slots_held(view.slots_held() + user.usage.held(device));
    view.set_recent_slots(view.recent_slots() + user.usage.RecentAt(device, now_unix_ms));
  }
  view.set_gangs_waiting(user.gangs_queued);
  return view;
}

}  // namespace seedbed
