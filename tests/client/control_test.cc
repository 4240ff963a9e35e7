// Commands that say why runs wait, and that change which run and where: what they ask for and print.
#include "client/control.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/client/cli_fixture.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(CliTest, ChangesASweepOrSomeOfItsRuns) {
  sweeps_.sweep = Parse<v1::Sweep>(
      "sweep_id: 's1' state: SWEEP_STATE_RUNNING run_counts { key: 'held' value: 2 } run_counts { key: 'queued' value: "
      "1 }");
  EXPECT_EQ(Run({"pause", "s1", "s1-r0", "s1-r2"}), 0);
  EXPECT_EQ(Out(), "sweep s1 running: 1 queued, 2 held\n");
  EXPECT_EQ(Run({"resume", "s1"}), 0);
  EXPECT_EQ(Run({"retry", "s1", "s1-r1", "--output", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(Out())["sweep"]["sweep_id"], "s1");
  EXPECT_THAT(sweeps_.changes, ElementsAre("pause s1 s1-r0 s1-r2", "resume s1", "retry s1 s1-r1"));
  EXPECT_EQ(Run({"pause"}), 2);
  EXPECT_THAT(Err(), HasSubstr("SWEEP is required"));
}

TEST_F(CliTest, ExplainSaysWhyARunWaitsOrWhereItRuns) {
  sweeps_.explanation = Parse<v1::ExplainRunResponse>(
      "run { run_id: 's1-r0' state: RUN_STATE_QUEUED } gang { gang_id: 's1-g0' } wait { explanation: 'comes next' }");
  EXPECT_EQ(Run({"explain", "s1-r0"}), 0);
  EXPECT_EQ(Out(), "run s1-r0 is queued; its gang s1-g0 comes next\n");
  sweeps_.explanation = Parse<v1::ExplainRunResponse>(
      "run { run_id: 's1-r0' state: RUN_STATE_TRAINING } gang { gang_id: 's1-g0' placements { worker: 'w' slot: "
      "'cpu:0' } }");
  EXPECT_EQ(Run({"explain", "s1-r0"}), 0);
  EXPECT_EQ(Out(), "run s1-r0 is training; its gang s1-g0 is on w/cpu:0\n");
  sweeps_.explanation = Parse<v1::ExplainRunResponse>(
      "run { run_id: 's1-r0' state: RUN_STATE_FAILED failure { message: 'no such file' } } gang { gang_id: 's1-g0' }");
  EXPECT_EQ(Run({"explain", "s1-r0"}), 0);
  EXPECT_EQ(Out(), "run s1-r0 is failed: no such file\n");
}

TEST_F(CliTest, GetSaysWhyGangsWait) {
  sweeps_.sweep = Parse<v1::Sweep>(
      "sweep_id: 's1' state: SWEEP_STATE_QUEUED spec { scheduling { user: 'anna' priority: 7 } } gangs { gang_id: "
      "'s1-g0' state: GANG_STATE_QUEUED } waits { gang_id: 's1-g0' explanation: 'comes next: wants 2 slots' }");
  EXPECT_EQ(Run({"get", "s1"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("anna"), HasSubstr("priority"), HasSubstr("comes next: wants 2 slots")));
}

TEST_F(CliTest, DrainsWorkersAndSetsQuotas) {
  EXPECT_EQ(Run({"drain", "w1"}), 0);
  EXPECT_EQ(Out(), "worker w1 drains: it gets no more ranks\n");
  EXPECT_EQ(Run({"drain", "w1", "--undo"}), 0);
  EXPECT_EQ(Out(), "worker w1 takes ranks\n");
  EXPECT_EQ(Run({"quota", "anna", "--most-slots", "4", "--share", "0.5"}), 0);
  EXPECT_EQ(Out(), "user anna: at most 4 slots at once, share 0.5\n");
  EXPECT_EQ(Run({"quota", "anna"}), 0);
  EXPECT_EQ(Out(), "user anna: any number of slots at once, share 1\n");
  sweeps_.users = Parse<v1::ListUsersResponse>("users { name: 'anna' share: 0.5 slots_held: 3 recent_slots: 1.25 }");
  EXPECT_EQ(Run({"users"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("anna    0.5           -           3           1.25")));
}

TEST_F(CliTest, BacksUpToAnAbsolutePath) {
  EXPECT_EQ(Run({"backup", "/x/../copy.db"}), 0);
  EXPECT_EQ(Out(), "wrote 7 events to /copy.db\n");
  EXPECT_THAT(sweeps_.changes, ElementsAre("backup /copy.db"));
}

TEST_F(CliTest, DryRunPrintsWhatEachGangWillTake) {
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse* response) {
    *response = Parse<v1::SubmitSweepResponse>(
        "sweep { gangs { gang_id: 'g0' run_ids: 'r0' } gangs { gang_id: 'g1' run_ids: 'r1' } } forecasts { gang_id: "
        "'g0' "
        "ranks: 2 rank_memory_bytes: 1234567 seconds: 45 device: DEVICE_KIND_CUDA } forecasts { gang_id: 'g1' seconds: "
        "-1 }");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--dry-run"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("cuda      1,234,567  45 s"), HasSubstr("-     not known yet  not known yet")));
}

TEST_F(CliTest, SubmitWaitsAsLongAsItIsTold) {
  int calls = 0;
  sweeps_.submit = [&calls](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse* response) {
    if (++calls == 1) return ToGrpcStatus(RetryLaterError("too fast", absl::Milliseconds(20)));
    response->mutable_sweep()->set_sweep_id("s1");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_}), 0);
  EXPECT_EQ(calls, 2);
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    return ToGrpcStatus(RetryLaterError("too fast", absl::Hours(1)));
  };
  EXPECT_EQ(Run({"submit", sweep_file_}), 1);
  EXPECT_EQ(Err(), "seedbed: too fast; try again in 1h\n");
}

}  // namespace
}  // namespace seedbed
