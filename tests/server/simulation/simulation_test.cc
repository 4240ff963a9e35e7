// Many short histories of a simulated cluster. SEEDBED_SIMULATION_SEED=N looks at the history of one seed alone.
#include <cstdint>
#include <cstdlib>

#include "gtest/gtest.h"
#include "tests/server/simulation/simulated_cluster.h"

namespace seedbed {
namespace {

constexpr int kSteps = 12;

TEST(Simulation, NoHistoryViolatesAnything) {
  const char* only = getenv("SEEDBED_SIMULATION_SEED");
  const uint64_t begin = only == nullptr ? 0 : strtoull(only, nullptr, 10);
  const uint64_t end = only == nullptr ? SEEDBED_SIMULATED_HISTORIES : begin + 1;
  int64_t events = 0;
  for (uint64_t seed = begin; seed < end; ++seed) {
    SimulatedCluster cluster(seed);
    cluster.Run(kSteps);
    ASSERT_EQ(cluster.violation(), "") << "SEEDBED_SIMULATION_SEED=" << seed;
    events += cluster.events();
  }
  EXPECT_GT(events, static_cast<int64_t>(end - begin)) << "the histories are empty";
  RecordProperty("events", std::to_string(events));
}

TEST(Simulation, ALongHistoryViolatesNothing) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SimulatedCluster cluster(seed);
    cluster.Run(400);
    ASSERT_EQ(cluster.violation(), "") << "seed " << seed;
  }
}

TEST(Simulation, TheSameSeedIsTheSameHistory) {
  SimulatedCluster first(7);
  SimulatedCluster second(7);
  first.Run(100);
  second.Run(100);
  EXPECT_EQ(first.events(), second.events());
}

}  // namespace
}  // namespace seedbed
