// A cluster in memory that lives by State and the scheduler alone: a virtual clock, no storage, no network, and random
// trouble, all from one seed.
#ifndef SEEDBED_TESTS_SERVER_SIMULATION_SIMULATED_CLUSTER_H_
#define SEEDBED_TESTS_SERVER_SIMULATION_SIMULATED_CLUSTER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/random.h"
#include "server/scheduler/scheduling_pass.h"
#include "server/scheduler/state_problem.h"
#include "server/state/state.h"

namespace seedbed {

// Sweeps come, gangs train, ranks fail, workers go away and come back, users pause, resume, cancel, retry, drain and
// set quotas, and reports come twice or late. After every event the state is held against what can be counted, and
// against the processes that would be running.
class SimulatedCluster {
 public:
  explicit SimulatedCluster(uint64_t seed);

  // A history of `steps` of trouble, and then as much peace as it takes for every sweep to end.
  void Run(int steps);

  // What was found to be wrong first; empty = nothing.
  const std::string& violation() const { return violation_; }
  int64_t events() const { return state_.last_event(); }

 private:
  struct Worker {
    std::string name;
    std::vector<std::string> slots;
    v1::DeviceKind device = v1::DEVICE_KIND_CPU;
    Labels labels;
    bool connected = true;
  };
  // A rank's process. It outlives its attempt by a while.
  struct Process {
    std::string gang_id;
    int attempt = 0;
    int64_t stopped_at_ms = -1;  // -1 = it was not told to stop.
  };
  using SlotKey = std::pair<std::string, std::string>;  // Worker, slot.

  bool Chance(uint64_t one_in) { return random_.Below(one_in) == 0; }
  template <typename Map>
  auto& Pick(Map& map) {
    auto found = map.begin();
    std::advance(found, random_.Below(map.size()));
    return *found;
  }
  void Blame(const std::string& what);

  // Must be allowed by the state.
  void Apply(v1::Event event);
  // Must not be, and must change nothing.
  void ExpectRefused(v1::Event event);
  v1::Event EventOf(const std::string& sweep_id) const;

  void Trouble();
  void Submit();
  void Schedule();
  void Place(const StateProblem& posed, const Placement& placement);
  void EndAttempt(const GangRecord& gang, const v1::Failure* failure, v1::Interruption why, bool ranks_are_gone);
  void Work(const GangRecord& gang);
  void FailAttempt(const GangRecord& gang, v1::FailureKind kind);
  void LoseWorker(Worker& worker);
  void Ask();
  void AskOfRuns(const SweepRecord& sweep);
  void InterruptFor(const std::vector<std::string>& run_ids, v1::Interruption why);
  void RepeatAReport();
  void ReapProcesses();
  void MakePeace();
  void LiveInPeace();

  void CheckInvariants();
  void CheckRunsAndGangs();
  void CheckSlots();
  void CheckUsers();

  SplitMix64 random_;
  int64_t now_ms_ = 1'000'000;
  State state_;
  std::vector<Worker> workers_;
  std::map<SlotKey, std::vector<Process>> processes_;
  std::vector<v1::Event> reports_;  // Events that came of ranks' reports.
  std::string violation_;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_SIMULATION_SIMULATED_CLUSTER_H_
