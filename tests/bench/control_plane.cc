// What the coordinator's work costs as it grows: a submission, a scheduling pass, a recovery. `control_plane [SCALE]`
// divides all sizes by SCALE (1 by default). Times are of the clock and, where others use the machine too, of the
// processor for this thread; each is the least of its repetitions.
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/logging.h"
#include "server/coordinator/coordinator.h"
#include "server/scheduler/scheduling_pass.h"
#include "server/scheduler/state_problem.h"
#include "server/state/ids.h"
#include "server/store/sqlite_event_store.h"
#include "tests/bench/stopwatch.h"
#include "tests/server/support/sweep_builder.h"
#include "tests/server/support/sweep_event.h"

namespace seedbed {
namespace {

constexpr int kRepetitions = 5;
constexpr int kSlotsPerWorker = 8;
constexpr int kUsers = 20;

void Fail(const absl::Status& status) {
  fprintf(stderr, "control_plane: %s\n", status.ToString().c_str());
  exit(1);
}

void Require(const absl::Status& status) {
  if (!status.ok()) Fail(status);
}

class TempFolder {
 public:
  TempFolder() {
    char pattern[] = "/tmp/seedbed-bench.XXXXXX";
    path_ = mkdtemp(pattern);
  }
  ~TempFolder() { RemoveAll(path_).IgnoreError(); }
  std::string File(const std::string& name) const { return JoinPath(path_, name); }

 private:
  std::string path_;
};

class SilentAlarm final : public Alarm {
 public:
  void WakeAfter(absl::Duration /*delay*/) override {}
};

struct Cost {
  double seconds = 1e9;
  double cpu_seconds = 1e9;
};

double ThreadCpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Cost CostOf(int repetitions, absl::FunctionRef<void()> body) {
  Cost least;
  for (int i = 0; i < repetitions; ++i) {
    const double cpu = ThreadCpuSeconds();
    least.seconds = std::min(least.seconds, SecondsOf(body));
    least.cpu_seconds = std::min(least.cpu_seconds, ThreadCpuSeconds() - cpu);
  }
  return least;
}

void Print(const std::string& what, const Cost& cost, double items) {
  printf("%-50s %9.1f ms, processor %9.1f ms, %8.2f us each\n", what.c_str(), 1e3 * cost.seconds,
         1e3 * cost.cpu_seconds, 1e6 * cost.cpu_seconds / items);
}

// A coordinator on a log of its own.
class Bench {
 public:
  explicit Bench(const std::string& path) {
    absl::StatusOr<std::unique_ptr<SqliteEventStore>> store = SqliteEventStore::Open(path);
    if (!store.ok()) Fail(store.status());
    store_ = *std::move(store);
  }

  Coordinator& Recover() {
    CoordinatorOptions options;
    options.inspections.first_worker = absl::ZeroDuration();
    auto recovered = Coordinator::Recover(options, {store_.get(), Clock::Real(), &alarm_, &metrics_});
    if (!recovered.ok()) Fail(recovered.status());
    coordinator_ = *std::move(recovered);
    return *coordinator_;
  }

  SqliteEventStore& store() { return *store_; }

 private:
  SilentAlarm alarm_;
  CoordinatorMetrics metrics_;
  std::unique_ptr<SqliteEventStore> store_;
  std::unique_ptr<Coordinator> coordinator_;
};

Cost MeasureSubmission(int runs) {
  const TempFolder folder;
  Bench bench(folder.File("events.db"));
  Coordinator& coordinator = bench.Recover();
  v1::SubmitSweepRequest request;
  *request.mutable_spec() = DemoSweep(/*seeds=*/std::max(1, runs / 10));
  for (int layer = 0; layer < 9; ++layer)
    request.mutable_spec()->mutable_sae()->add_hookpoints(absl::StrCat("layers.", layer));
  const Cost cost = CostOf(
      kRepetitions, [&] { coordinator.SubmitSweep(request, [](const auto& answer) { Require(answer.status()); }); });
  const int submitted = 10 * (runs / 10);
  Print(absl::StrCat("submit ", submitted, " runs"), cost, submitted);
  return cost;
}

// `gangs` of `runs` each that wait for slots, of many sweeps, users and sizes.
void Fill(State& state, int gangs, int runs) {
  constexpr int kGangsPerSweep = 25;
  for (int sweep = 0; sweep * kGangsPerSweep < gangs; ++sweep) {
    v1::Event event = SweepEvent(SweepId(sweep + 1), kGangsPerSweep, runs);
    v1::SweepSubmitted& body = *event.mutable_sweep_submitted();
    body.mutable_spec()->mutable_scheduling()->set_user(absl::StrCat("user", sweep % kUsers));
    body.mutable_spec()->mutable_scheduling()->set_priority(sweep % 3);
    for (v1::Gang& gang : *body.mutable_gangs()) {
      gang.set_ranks_wanted(sweep % 9);
      gang.mutable_estimate()->set_model_bytes(1'000'000 * (1 + sweep % 50));
    }
    event.set_number(state.last_event() + 1);
    Require(state.Apply(event));
  }
}

Cost MeasurePass(int gangs, int runs, int slots, bool are_free) {
  State state;
  Fill(state, gangs, runs);
  std::vector<std::string> names;
  for (int slot = 0; slot < kSlotsPerWorker; ++slot) names.push_back(absl::StrCat("cuda:", slot));
  for (int worker = 0; worker < slots / kSlotsPerWorker; ++worker) names.push_back(absl::StrCat("worker", worker));
  ClusterFacts facts;
  for (int slot = 0; slot < slots / kSlotsPerWorker * kSlotsPerWorker; ++slot) {
    const std::string& worker = names[kSlotsPerWorker + slot / kSlotsPerWorker];
    facts.slots.push_back({worker, names[slot % kSlotsPerWorker], worker, v1::DEVICE_KIND_CUDA, 80'000'000, nullptr,
                           false, are_free || slot % 16 == 0 ? SlotUse::kFree : SlotUse::kStopping});
  }
  facts.previous_ranks_are_gone = [](const GangRecord&) { return true; };
  facts.end_unix_ms = [](const GangRecord&) { return std::nullopt; };
  size_t placed = 0;
  const Cost cost = CostOf(kRepetitions, [&] {
    const StateProblem posed = ProblemOf(state, facts, 1, {});
    placed = MakeSchedule(posed.problem).placements.size();
  });
  Print(absl::StrCat("pass ", gangs, " gangs of ", runs, ", ", slots, " slots, ", placed, " placed"), cost, gangs);
  return cost;
}

// A log of sweeps that were trained to their end.
void WriteLog(SqliteEventStore& store, int events) {
  constexpr int kEventsPerSweep = 12;
  std::vector<v1::Event> page;
  int64_t number = 0;
  const auto add = [&](v1::Event event) {
    event.set_number(++number);
    event.set_time_unix_ms(number);
    page.push_back(std::move(event));
  };
  for (int sweep = 1; sweep <= events / kEventsPerSweep; ++sweep) {
    const std::string id = SweepId(sweep);
    v1::Event submitted = SweepEvent(id, 1, 4);
    *submitted.mutable_sweep_submitted()->mutable_spec() = DemoSweep(4);
    add(submitted);
    v1::Event event;
    event.set_sweep_id(id);
    v1::GangPlaced& placed = *event.mutable_gang_placed();
    placed.set_gang_id(GangId(id, 0));
    placed.set_attempt(1);
    v1::RankPlacement& rank = *placed.add_placements();
    rank.set_worker("worker");
    rank.set_slot(absl::StrCat("cpu:", sweep));
    add(event);
    for (const v1::RunState to : {v1::RUN_STATE_TRAINING, v1::RUN_STATE_EXPORTING}) {
      v1::RunsAdvanced& body = *event.mutable_runs_advanced();
      body.set_gang_id(GangId(id, 0));
      body.set_attempt(1);
      body.clear_run_ids();
      for (int run = 0; run < 4; ++run) body.add_run_ids(RunId(id, run));
      body.set_state(to);
      add(event);
    }
    for (int run = 0; run < 4; ++run) {
      event.mutable_run_succeeded()->set_run_id(RunId(id, run));
      event.mutable_run_succeeded()->set_attempt(1);
      event.mutable_run_succeeded()->mutable_result()->set_batch_hash("00112233445566778899aabbccddeeff");
      add(event);
    }
    event.mutable_gang_attempt_ended()->set_gang_id(GangId(id, 0));
    event.mutable_gang_attempt_ended()->set_attempt(1);
    add(event);
    for (int change = 0; change < 3; ++change) {
      v1::Event quota;
      quota.mutable_quota_changed()->set_user("default");
      quota.mutable_quota_changed()->set_share(1 + change);
      add(quota);
    }
    if (page.size() >= 10'000) {
      Require(store.Append(page));
      page.clear();
    }
  }
  Require(store.Append(page));
}

Cost MeasureRecovery(int events) {
  const TempFolder folder;
  const std::string path = folder.File("events.db");
  Bench bench(path);
  WriteLog(bench.store(), events);
  const Cost recovery = CostOf(1, [&] { bench.Recover(); });
  Print(absl::StrCat("recover ", events, " events"), recovery, events);
  const Cost backup = CostOf(1, [&] { Require(bench.store().BackUp(folder.File("copy.db")).status()); });
  Print(absl::StrCat("back up ", events, " events"), backup, events);
  return recovery;
}

int Main(int argc, char** argv) {
  int scale = 1;
  if (argc > 2 || (argc == 2 && (!absl::SimpleAtoi(argv[1], &scale) || scale < 1))) {
    fprintf(stderr, "usage: control_plane [SCALE]\n");
    return 2;
  }
  Cost submission, pass, recovery;
  for (const int runs : {100, 1'000, 10'000}) submission = MeasureSubmission(std::max(10, runs / scale));
  for (const int gangs : {1'000, 10'000, 100'000}) {
    MeasurePass(gangs / scale, 1, 10'000 / scale, /*are_free=*/true);
  }
  for (const int gangs : {1'000, 10'000, 100'000}) {
    MeasurePass(gangs / scale, 1, 10'000 / scale, /*are_free=*/false);
  }
  pass = MeasurePass(25'000 / scale, 4, 10'000 / scale, /*are_free=*/false);
  for (const int events : {10'000, 100'000, 1'000'000}) recovery = MeasureRecovery(std::max(100, events / scale));
  printf("control_plane submit_seconds=%.3f pass_seconds=%.4f recover_seconds=%.2f\n", submission.cpu_seconds,
         pass.cpu_seconds, recovery.cpu_seconds);
  return 0;
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) { return seedbed::Main(argc, argv); }
