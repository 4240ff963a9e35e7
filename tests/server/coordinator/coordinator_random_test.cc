// Random histories: workers, ranks, the log and the coordinator itself fail at random. Whatever happens, no decision
// contradicts the state, no slot is given twice, no two attempts of a gang run at once, and in the end every sweep
// ends.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "tests/server/coordinator/coordinator_fixture.h"

namespace seedbed {
namespace {

class CoordinatorRandomTest : public CoordinatorFixture, public testing::WithParamInterface<int> {
 protected:
  struct Machine {
    std::unique_ptr<FakeWorker> worker;
    bool connected = false;
    absl::Duration last_report;
  };

  bool Chance(uint64_t one_in) { return random_.Below(one_in) == 0; }

  void StartWorkers() {
    for (int i = 0; i < 3; ++i) {
      machines_.push_back({});
      StartWorker(machines_.back(), i);
    }
  }

  void StartWorker(Machine& machine, size_t index) {
    machine.worker = std::make_unique<FakeWorker>(absl::StrCat("w", index), absl::StrCat("i", ++instances_),
                                                  static_cast<int>(index) + 1);
    machine.connected = false;
  }

  // One second in the life of a worker and its ranks.
  void Live(Machine& machine, size_t index, bool trouble) {
    if (trouble && Chance(40)) {  // kill -9 of the worker; its ranks die with it.
      if (machine.connected) machine.worker->Disconnect();
      StartWorker(machine, index);
      return;
    }
    // A worker that is cut off stops its ranks before its lease ends.
    if (clock_.Monotonic() - machine.last_report > absl::Seconds(13)) machine.worker->report().clear_ranks();
    if (!machine.connected) {
      if (trouble && Chance(2)) return;
      machine.connected = machine.worker->Connect(*coordinator_).ok();
      if (!machine.connected) return;
    } else if (trouble && Chance(30)) {
      machine.worker->Disconnect();
      machine.connected = false;
      return;
    } else if (trouble && Chance(10)) {
      return;  // Silent for a while.
    }
    machine.last_report = clock_.Monotonic();
    ASSERT_TRUE(machine.worker->Obey().ok());
    if (!trouble || !Chance(4)) {
      ASSERT_TRUE(machine.worker->Inspect().ok());
    }
    Work(*machine.worker, trouble);
    ASSERT_TRUE(machine.worker->Report().ok());
  }

  void Work(FakeWorker& worker, bool trouble) {
    for (v1::RankStatus& rank : *worker.report().mutable_ranks()) {
      if (rank.state() == v1::RANK_STATE_EXITED) continue;
      if (trouble && Chance(25)) {
        rank.set_state(v1::RANK_STATE_EXITED);
        const v1::FailureKind kinds[] = {v1::FAILURE_KIND_RANK_DIED, v1::FAILURE_KIND_IO, v1::FAILURE_KIND_INTERNAL};
        rank.mutable_failure()->set_kind(kinds[random_.Below(3)]);
      } else if (Chance(3)) {
        Finish(worker, rank);
      } else if (Chance(2)) {
        worker.Step(static_cast<int64_t>(random_.Below(100)));
      }
    }
  }

  // The rank's share of the runs ends, and it exits.
  void Finish(FakeWorker& worker, v1::RankStatus& rank) {
    for (const v1::DesiredRank& desired : worker.directive().ranks()) {
      if (desired.key().SerializeAsString() != rank.key().SerializeAsString()) continue;
      for (int i = rank.key().rank(); i < desired.gang().runs_size(); i += desired.world_size()) {
        v1::RunOutcome& outcome = *rank.add_outcomes();
        outcome.set_run_id(desired.gang().runs(i).run_id());
        if (Chance(20)) {
          outcome.mutable_failure()->set_kind(v1::FAILURE_KIND_NOT_FINITE);
        } else {
          outcome.mutable_result()->set_steps(1);
        }
      }
    }
    rank.set_state(v1::RANK_STATE_EXITED);
  }

  void CheckInvariants() {
    std::map<std::string, std::set<int>> attempts;
    for (const Machine& machine : machines_) {
      std::set<std::string> slots;
      for (const v1::RankStatus& rank : machine.worker->report().ranks()) {
        if (rank.state() == v1::RANK_STATE_EXITED) continue;
        EXPECT_TRUE(slots.insert(rank.slot_id()).second) << "two ranks on one slot";
        attempts[rank.key().gang_id()].insert(rank.key().attempt());
      }
    }
    for (const auto& [gang, running] : attempts) EXPECT_EQ(running.size(), 1) << gang << ": two attempts at once";
    const absl::Status health = coordinator_->Health();
    EXPECT_FALSE(absl::IsInternal(health)) << health;
  }

  void KillCoordinator() {
    for (Machine& machine : machines_) machine.connected = false;
    Restart();
  }

  SplitMix64 random_{static_cast<uint64_t>(GetParam())};
  std::vector<Machine> machines_;
  int instances_ = 0;
};

TEST_P(CoordinatorRandomTest, EverySweepEndsAndNothingContradictsItself) {
  StartWorkers();
  int sweeps = 0;
  for (int second = 0; second < 1500 && !HasFatalFailure(); ++second) {
    const bool trouble = second < 300;
    if (trouble && Chance(15)) {
      v1::SweepSpec spec = DemoSweep(1 + static_cast<int>(random_.Below(5)));
      const int ranks = static_cast<int>(random_.Below(5));
      if (ranks > 0) spec.mutable_resources()->set_ranks(ranks);
      // Those whose coordinator was killed meanwhile are never answered.
      coordinator_->SubmitSweep(RequestOf(spec), [&sweeps](const Answer& answer) { sweeps += answer.ok(); });
    }
    if (sweeps > 0 && trouble && Chance(60)) {
      v1::CancelSweepRequest request;
      request.set_sweep_id(absl::StrCat("s", 1 + random_.Below(sweeps)));
      coordinator_->CancelSweep(request).status().IgnoreError();
    }
    store_.FailWith(trouble && Chance(8) ? absl::ResourceExhaustedError("full") : absl::OkStatus());
    if (trouble && Chance(40)) KillCoordinator();
    for (size_t i = 0; i < machines_.size(); ++i) Live(machines_[i], i, trouble);
    clock_.Advance(absl::Seconds(1));
    coordinator_->Tick();
    CheckInvariants();
  }
  EXPECT_GT(sweeps, 0);
  for (int i = 1; i <= sweeps; ++i) {
    const v1::SweepState state = GetSweep(absl::StrCat("s", i)).state();
    EXPECT_GE(state, v1::SWEEP_STATE_SUCCEEDED) << "s" << i << ": " << v1::SweepState_Name(state);
  }
  KillCoordinator();
  EXPECT_EQ(coordinator_->Gauges().gangs_active, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CoordinatorRandomTest, testing::Range(0, 25));

}  // namespace
}  // namespace seedbed
