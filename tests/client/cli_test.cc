// The commands: what they print and how they exit.
#include "client/cli.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/submit.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/client/cli_fixture.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(CliTest, WrongUsageIsOneLineAndExitCodeTwo) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"lst"},
                                                       {"--bogus"},
                                                       {"list", "extra"},
                                                       {"get"},
                                                       {"submit"},
                                                       {"get", "a", "b"},
                                                       {"list", "--output", "xml"},
                                                       {"up", "--port", "many"},
                                                       {"up", "--threads-per-slot", "0"},
                                                       {"submit", "/nonexistent.yaml"}};
  for (const auto& arguments : wrong) {
    EXPECT_EQ(Run(arguments), 2) << Err();
    EXPECT_THAT(Err(), AllOf(StartsWith("seedbed: "), EndsWith("\n")));
    EXPECT_EQ(Lines(Err()), 1);
    EXPECT_THAT(Out(), IsEmpty());
  }
}

TEST_F(CliTest, AWrongServerAddressIsNamed) {
  EXPECT_EQ(RunCli({"list", "--server", "nowhere"}, console_), 2);
  EXPECT_EQ(Err(), "seedbed: --server: found \"nowhere\"; HOST:PORT is needed, port 0..65535\n");
}

TEST_F(CliTest, HelpAndVersionNeedNoServer) {
  server_.reset();
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(Out(), HasSubstr("submit"));
  EXPECT_EQ(Run({"version"}), 0);
  EXPECT_THAT(Out(), StartsWith("seedbed "));
  EXPECT_EQ(Run({"version", "--output", "json"}), 0);
  EXPECT_TRUE(nlohmann::json::parse(Out()).contains("version"));
}

TEST_F(CliTest, WhatTheCoordinatorItselfCannotServeIsToldInItsWords) {
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    return ToGrpcStatus(absl::UnavailableError("worker w did not answer within 1m"));
  };
  SubmitOptions options;
  options.server = address_;
  options.file = sweep_file_;
  options.retry_for = absl::ZeroDuration();
  EXPECT_EQ(RunSubmit(options, console_), absl::UnavailableError("worker w did not answer within 1m"));
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    return ToGrpcStatus(
        FieldViolationsError({{"spec.sae.hookpoints[0]", "needs a worker"}}, absl::StatusCode::kUnavailable));
  };
  EXPECT_EQ(RunSubmit(options, console_),
            absl::UnavailableError(absl::StrCat(sweep_file_, ":5: sae.hookpoints[0]: needs a worker")));
}

TEST_F(CliTest, ASubmissionThatTakesLongCanBeInterrupted) {
  // Shared: the service may use it after this test is done with it.
  const auto release = std::make_shared<absl::Notification>();
  sweeps_.submit = [this, release](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    interrupts_.Interrupt();
    release->WaitForNotification();
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 1);
  EXPECT_THAT(Err(), AllOf(StartsWith("seedbed: stopped waiting for the coordinator's answer"), HasSubstr(" list")));
  release->Notify();
}

TEST_F(CliTest, AnUnreachableServerIsOneLineWithAddressAndHint) {
  server_.reset();
  for (const char* command : {"list", "workers"}) {
    EXPECT_EQ(Run({command}), 1);
    EXPECT_THAT(Err(), AllOf(StartsWith("seedbed: can't reach the coordinator at " + address_), HasSubstr("seedbed up"),
                             EndsWith("--server\n")));
    EXPECT_EQ(Lines(Err()), 1);
  }
}

TEST_F(CliTest, ListTakesAllPages) {
  sweeps_.sweep_pages = {Parse<v1::ListSweepsResponse>("sweeps { sweep_id: 's2' spec { name: 'b' } }"),
                         Parse<v1::ListSweepsResponse>("sweeps { sweep_id: 's1' spec { name: 'a' } state: "
                                                       "SWEEP_STATE_FAILED run_counts { key: 'failed' value: 1 } "
                                                       "run_counts { key: 'succeeded' value: 2 } }")};
  EXPECT_EQ(Run({"list"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("s2"), HasSubstr("s1"), HasSubstr("2 succeeded, 1 failed")));
  EXPECT_EQ(Run({"list", "--output", "json"}), 0);
  const auto json = nlohmann::json::parse(Out());
  ASSERT_THAT(json["sweeps"], SizeIs(2));
  EXPECT_EQ(json["sweeps"][1]["sweep_id"], "s1");
}

TEST_F(CliTest, RunsTakesAllPagesAndShowsResultsAndFailures) {
  sweeps_.run_pages = {
      Parse<v1::ListRunsResponse>("runs { run_id: 'r0' state: RUN_STATE_SUCCEEDED result { steps: 4080 batch_hash: "
                                  "'0123456789abcdef' metrics { fvu: 0.165 } dictionary { path: '/x/r0' } } }"),
      Parse<v1::ListRunsResponse>("runs { run_id: 'r1' state: RUN_STATE_FAILED failure { kind: FAILURE_KIND_NOT_FINITE "
                                  "message: 'NaN in step 7' } }")};
  EXPECT_EQ(Run({"runs", "s1"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("4,080"), HasSubstr("01234567  /x/r0"), HasSubstr("not finite: NaN in step 7")));
  EXPECT_EQ(Run({"runs", "s1", "--output", "json"}), 0);
  EXPECT_THAT(nlohmann::json::parse(Out())["runs"], SizeIs(2));
}

TEST_F(CliTest, WorkersShowsSlots) {
  sweeps_.workers = Parse<v1::ListWorkersResponse>(
      "workers { name: 'local' connected: true slots { slot_id: 'cpu:0' } slots { slot_id: 'cpu:1' } ranks { state: "
      "RANK_STATE_RUNNING } ranks { state: RANK_STATE_EXITED } }");
  EXPECT_EQ(Run({"workers"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("connected"), HasSubstr("cpu:0, cpu:1     1")));
}

TEST_F(CliTest, GetAndCancelShowTheSweepAndNameAnUnknownOne) {
  sweeps_.sweep = Parse<v1::Sweep>(
      "sweep_id: 's1' state: SWEEP_STATE_CANCELLED gangs { gang_id: 'g9' attempt: 2 placements { worker: 'w' slot: 'c' "
      "} }");
  EXPECT_EQ(Run({"get", "s1"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("cancelled"), HasSubstr("g9"), HasSubstr("w/c")));
  EXPECT_EQ(Run({"cancel", "s1"}), 0);
  EXPECT_EQ(Out(), "sweep s1 cancelled\n");
  EXPECT_EQ(Run({"cancel", "s1", "--output", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(Out())["sweep"]["state"], "SWEEP_STATE_CANCELLED");
  for (const char* command : {"get", "cancel", "results"}) {
    EXPECT_EQ(Run({command, "s7"}), 2);
    EXPECT_EQ(Err(), "seedbed: sweep s7: there is none of this id\n");
  }
}

TEST_F(CliTest, ResultsShowsAgreementsAndSaysWhenNoServiceIsKnown) {
  sweeps_.sweep.set_sweep_id("s1");
  results_.answers = {
      Parse<v1::ListAgreementsResponse>("agreements { sibling_set_id: 'b' siblings { pw_mcc: 0.25 } }")};
  sweeps_.run_pages = {Parse<v1::ListRunsResponse>(
      "runs { run_id: 'r0' state: RUN_STATE_SUCCEEDED sae { hookpoint: 'layers.9' architecture: 'relu' latents: 8 } "
      "result { target_l0_missed: true } }")};
  EXPECT_EQ(Run({"results", "s1"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("PW-MCC 0.2500"), HasSubstr("TARGET L0 MISSED: run r0 (layers.9 relu, 8 ")));
  EXPECT_EQ(Run({"results", "s1", "--output", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(Out())["agreements"][0]["siblings"]["pw_mcc"], 0.25);
  sweeps_.results_address = "";
  EXPECT_EQ(Run({"results", "s1"}), 1);
  EXPECT_THAT(Err(), HasSubstr("knows of no results service"));
  sweeps_.results_address = "127.0.0.1:1";
  EXPECT_EQ(Run({"results", "s1"}), 1);
  EXPECT_THAT(Err(), StartsWith("seedbed: can't reach the results service at 127.0.0.1:1 ("));
}

TEST_F(CliTest, ReportWritesThePageAndPrintsItsPath) {
  const std::string path = sweep_file_ + ".html";
  sweeps_.sweep.set_sweep_id("s1");
  results_.report = "<!DOCTYPE html>";
  EXPECT_EQ(Run({"report", "s1", "-o", path}), 0) << Err();
  EXPECT_EQ(Out(), path + "\n");
  EXPECT_EQ(ReadFile(path).value_or(""), "s1: <!DOCTYPE html>");
  results_.report = "again";
  EXPECT_EQ(Run({"report", "s1", "-o", path, "--output", "json"}), 0) << Err();
  EXPECT_EQ(nlohmann::json::parse(Out())["path"], path);
  EXPECT_EQ(ReadFile(path).value_or(""), "s1: again");
  EXPECT_TRUE(RemoveAll(path).ok());
}

TEST_F(CliTest, ReportWithoutAPageLeavesTheFileAsItWas) {
  const std::string path = sweep_file_ + ".html";
  ASSERT_TRUE(WriteFileDurably(path, "before").ok());
  sweeps_.sweep.set_sweep_id("s1");
  results_.report = absl::NotFoundError("sweep \"s1\": no sibling set of it has finished");
  EXPECT_EQ(Run({"report", "s1", "-o", path}), 2);
  EXPECT_EQ(Err(), "seedbed: sweep \"s1\": no sibling set of it has finished\n");
  EXPECT_EQ(Run({"report", "s7", "-o", path}), 2);
  EXPECT_EQ(Err(), "seedbed: sweep s7: there is none of this id\n");
  EXPECT_EQ(ReadFile(path).value_or(""), "before");
  EXPECT_TRUE(RemoveAll(path).ok());
  results_.report = "page";
  EXPECT_NE(Run({"report", "s1", "-o", "/nonexistent/report.html"}), 0);
  EXPECT_THAT(Err(), HasSubstr("/nonexistent/report.html"));
  EXPECT_EQ(Run({"report", "s1"}), 2) << "-o is needed";
}

TEST_F(CliTest, SubmitShowsTheLineOfAFieldThatTheServerRefuses) {
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    return ToGrpcStatus(FieldViolationsError({{"sae.k[1]", "is 9; must be at most latents (8)"}}));
  };
  EXPECT_EQ(Run({"submit", sweep_file_}), 2);
  EXPECT_EQ(Err(), "seedbed: " + sweep_file_ + ":7: sae.k[1]: is 9; must be at most latents (8)\n");
  EXPECT_THAT(Out(), IsEmpty());
}

TEST_F(CliTest, SubmitTriesAgainWithTheSameKey) {
  std::vector<std::string> keys;
  sweeps_.submit = [&](const v1::SubmitSweepRequest& request, v1::SubmitSweepResponse* response) {
    keys.push_back(request.idempotency_key());
    if (keys.size() < 3) return kDown;
    response->mutable_sweep()->set_sweep_id("s1");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_}), 0) << Err();
  ASSERT_THAT(keys, SizeIs(3));
  EXPECT_THAT(keys[0], SizeIs(32));
  EXPECT_THAT(keys, ElementsAre(keys[0], keys[0], keys[0]));
  EXPECT_THAT(Out(), StartsWith("sweep s1 "));
  EXPECT_EQ(Run({"submit", sweep_file_, "--idempotency-key", "mine"}), 0);
  EXPECT_EQ(keys.back(), "mine");
  EXPECT_EQ(Run({"submit", sweep_file_}), 0);
  EXPECT_NE(keys.back(), keys[0]);
}

TEST_F(CliTest, SubmitGivesUpOnAServerThatStaysAway) {
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) { return kDown; };
  SubmitOptions options;
  options.server = address_;
  options.file = sweep_file_;
  options.retry_for = absl::Milliseconds(600);
  const absl::Status status = RunSubmit(options, console_);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("(the coordinator stops)"));
}

TEST_F(CliTest, DryRunSubmitsNothingAndShowsWhatWouldBe) {
  sweeps_.submit = [](const v1::SubmitSweepRequest& request, v1::SubmitSweepResponse* response) {
    EXPECT_TRUE(request.validate_only());
    *response = Parse<v1::SubmitSweepResponse>(
        "steps_per_run: 4080 rows_per_epoch: 130560 runs { gang_id: 'g' sibling_set_id: 'a' sae { seed: 3 } } runs { "
        "gang_id: 'g' sibling_set_id: 'b' sae { seed: 4 } } sweep { spec { name: 'n' sae { hookpoints: "
        "['layers.0.mlp', "
        "'layers.1.mlp'] } } gangs { stream { folder_path: '/rows' } } }");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--dry-run"}), 0);
  EXPECT_THAT(Out(), HasSubstr("2 runs, sibling sets: 2, gangs: 1\n4,080 steps a run, 130,560 rows an epoch\n"));
  EXPECT_THAT(Out(), AllOf(HasSubstr("hookpoints  layers.0.mlp, layers.1.mlp"), HasSubstr("folder      /rows")));
  EXPECT_EQ(Run({"submit", sweep_file_, "--dry-run", "--output", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(Out())["steps_per_run"], "4080");
}

// A sweep of two runs whose watch breaks once in the middle.
class WaitTest : public CliTest {
 protected:
  WaitTest() {
    for (const char* text :
         {"number: 1 sweep_submitted { runs { run_id: 'r0' gang_id: 'g' } runs { run_id: 'r1' gang_id: 'g' } gangs { "
          "gang_id: 'g' run_ids: ['r0', 'r1'] } sibling_sets { sibling_set_id: 'b' } }",
          "number: 2 gang_placed { gang_id: 'g' attempt: 1 placements { worker: 'local' slot: 'cpu:0' } }",
          "number: 5 run_succeeded { run_id: 'r0' result { batch_hash: 'aa' } }",
          "number: 6 run_succeeded { run_id: 'r1' result { batch_hash: 'aa' } }"}) {
      events_.push_back(Parse<v1::Event>(text));
    }
    sweeps_.watch = [this](grpc::ServerContext*, const v1::WatchSweepRequest& request, auto* writer) {
      asked_after_.push_back(request.after_event());
      v1::WatchSweepResponse update;
      for (const v1::Event& event : events_) {
        if (event.number() <= request.after_event()) continue;
        *update.mutable_event() = event;
        writer->Write(update);
        if (event.number() == 2 && asked_after_.size() == 1) return kDown;
      }
      return grpc::Status::OK;
    };
    sweeps_.sweep = Parse<v1::Sweep>("sweep_id: 's1' state: SWEEP_STATE_SUCCEEDED");
    sweeps_.run_pages = {Parse<v1::ListRunsResponse>(
        "runs { run_id: 'r0' sibling_set_id: 'b' state: RUN_STATE_SUCCEEDED result { dictionary { path: '/x/r0' } } }"
        "runs { run_id: 'r1' sibling_set_id: 'b' state: RUN_STATE_SUCCEEDED result { dictionary { path: '/x/r1' } } "
        "}")};
    results_.answers = {Parse<v1::ListAgreementsResponse>("pending_sibling_set_ids: 'b'"),
                        Parse<v1::ListAgreementsResponse>(
                            "agreements { sibling_set_id: 'b' same_batches: true siblings { pw_mcc: 0.5 } }")};
  }

  std::vector<v1::Event> events_;
  std::vector<int64_t> asked_after_;
};

TEST_F(WaitTest, FollowsOverALostConnectionAndPrintsAgreementAndExports) {
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 0) << Err();
  EXPECT_THAT(asked_after_, ElementsAre(0, 2));
  EXPECT_THAT(Out(), AllOf(HasSubstr("gang 1 of 1: attempt 1 on local/cpu:0"), HasSubstr("trying again"),
                           HasSubstr("PW-MCC 0.5000"), HasSubstr("/x/r0"), HasSubstr("/x/r1"),
                           EndsWith("2 of 2 runs succeeded\n")));
  EXPECT_THAT(Out(), Not(HasSubstr("\x1b")));
}

TEST_F(WaitTest, AStreamThatEndsBeforeTheSweepDoesIsOpenedAgain) {
  const auto all = sweeps_.watch;
  sweeps_.watch = [this, all](grpc::ServerContext* context, const v1::WatchSweepRequest& request, auto* writer) {
    const grpc::Status status = all(context, request, writer);
    return asked_after_.size() == 1 ? grpc::Status::OK : status;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 0) << Err();
  EXPECT_THAT(asked_after_, ElementsAre(0, 2));
}

TEST_F(WaitTest, JsonIsOneObjectOnStandardOutput) {
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait", "--output", "json"}), 0);
  const auto json = nlohmann::json::parse(Out());
  EXPECT_EQ(json["sweep"]["sweep_id"], "s1");
  EXPECT_THAT(json["runs"], SizeIs(2));
  EXPECT_EQ(json["agreements"][0]["siblings"]["pw_mcc"], 0.5);
  EXPECT_THAT(Err(), HasSubstr("attempt 1 on local/cpu:0"));
}

TEST_F(WaitTest, AFailedRunFailsWithItsReasonAndLog) {
  events_[3] = Parse<v1::Event>("number: 6 run_failed { run_id: 'r1' failure { kind: FAILURE_KIND_RANK_DIED } }");
  sweeps_.sweep.set_state(v1::SWEEP_STATE_FAILED);
  *sweeps_.run_pages[0].mutable_runs(1) = Parse<v1::Run>(
      "run_id: 'r1' sibling_set_id: 'b' state: RUN_STATE_FAILED failure { kind: FAILURE_KIND_RANK_DIED message: "
      "'killed by signal 11' log_tail: 'last words' }");
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 1);
  EXPECT_THAT(Err(), HasSubstr("  | last words\nseedbed: sweep s1 did not succeed: run r1"));
  EXPECT_THAT(Err(), EndsWith("rank died: killed by signal 11\n"));
  EXPECT_THAT(Out(), HasSubstr("/x/r0"));
}

TEST_F(WaitTest, AnAgreementThatFailedFails) {
  results_.answers = {Parse<v1::ListAgreementsResponse>(
      "agreements { sibling_set_id: 'b' failure { kind: FAILURE_KIND_IO message: 'disk full' } }")};
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 1);
  EXPECT_THAT(Err(), EndsWith("no agreement of sibling set b: io: disk full\n"));
}

TEST_F(WaitTest, StoppingLeavesTheSweepAndSaysHowToComeBack) {
  sweeps_.watch = [this](grpc::ServerContext* context, const v1::WatchSweepRequest&, auto* writer) {
    v1::WatchSweepResponse update;
    *update.mutable_event() = events_[0];
    writer->Write(update);
    interrupts_.Interrupt();
    while (!context->IsCancelled()) usleep(1'000);
    return grpc::Status::CANCELLED;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 1);
  const std::string command = "seedbed --server " + address_;
  EXPECT_EQ(Err(), "seedbed: stopped waiting; sweep s1 goes on: see \"" + command + " get s1\" and \"" + command +
                       " results s1\"\n");
}

TEST_F(WaitTest, ASweepThatTheServerForgotIsAnError) {
  sweeps_.watch = [](grpc::ServerContext*, const v1::WatchSweepRequest&, auto*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "sweep s1: there is none of this id");
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 2);
  EXPECT_EQ(Err(), "seedbed: sweep s1: there is none of this id\n");
}

}  // namespace
}  // namespace seedbed
