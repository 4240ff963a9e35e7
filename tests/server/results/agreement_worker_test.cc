#include "server/results/agreement_worker.h"

#include <signal.h>

#include <memory>
#include <optional>

#include "common/file.h"
#include "common/pair_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/results/comparison.h"
#include "tests/common/testing.h"
#include "tests/server/results/fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AgreementWorkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = ResultsStore::Open(folder_.Path("results.db"));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    ASSERT_TRUE(MakeFolders(folder_.Path("work")).ok());
  }

  void Start() {
    AgreementWorker::Options options;
    options.agree.program = program_;
    options.agree.threads = 3;
    options.artifact_root = folder_.Path("artifacts");
    options.memory_bytes = memory_bytes_;
    options.sets_at_once = sets_at_once_;
    options.agree.work_folder = folder_.Path("work");
    options.agree.pair_folder = folder_.Path("pairs");
    options.agree.stop_grace = absl::Milliseconds(100);
    options.retry_delay = absl::Milliseconds(1);
    worker_.emplace(options, store_.get(), &metrics_, &feed_);
  }
  void Stop() { worker_.reset(); }

  // Of dictionaries with weights of so many bytes; 0 = not known.
  v1::Agreement Add(const std::string& sibling_set_id, const std::string& content, int64_t weight_bytes = 0) {
    v1::Agreement request = TestRequest("sweep", sibling_set_id, content);
    for (v1::Dictionary& dictionary : *request.mutable_dictionaries()) dictionary.set_weight_bytes(weight_bytes);
    agree_.Prepare(sibling_set_id, TestAnswer(request));
    EXPECT_TRUE(store_->AddSiblingSet(request, {1, "sweep"}).ok());
    if (worker_.has_value()) worker_->Wake();
    return request;
  }

  bool AwaitAnswer(const std::string& sibling_set_id) {
    return WaitFor([&] { return store_->Get(sibling_set_id).ok(); });
  }

  v1::Failure AwaitFailure(const std::string& sibling_set_id) {
    EXPECT_TRUE(AwaitAnswer(sibling_set_id));
    const auto answer = store_->Get(sibling_set_id);
    EXPECT_TRUE(answer.ok() && answer->has_failure()) << answer.status();
    return answer.ok() ? answer->failure() : v1::Failure();
  }

  double Metric(const std::string& name) {
    for (const auto& family : metrics_.registry()->Collect()) {
      if (family.name != name) continue;
      const auto& metric = family.metric.at(0);
      if (family.type == prometheus::MetricType::Counter) return metric.counter.value;
      return metric.gauge.value;
    }
    ADD_FAILURE() << "no metric " << name;
    return -1;
  }

  TempFolder folder_;
  FakeAgree agree_{folder_.path()};
  std::string program_ = agree_.program();
  std::unique_ptr<ResultsStore> store_;
  ResultsMetrics metrics_;
  AgreementFeed feed_;
  int64_t memory_bytes_ = int64_t{1} << 30;
  int sets_at_once_ = 1;
  std::optional<AgreementWorker> worker_;
};

TEST_F(AgreementWorkerTest, GivesUpAfterThreeFailuresAndSaysWhy) {
  agree_.SetMode("fail");
  Add("a", "content");
  Start();
  const v1::Failure failure = AwaitFailure("a");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_USER_ERROR);
  EXPECT_EQ(failure.exit_code(), 2);
  EXPECT_THAT(failure.message(), AllOf(HasSubstr("exited with code 2"), HasSubstr("it did not work")));
  EXPECT_THAT(failure.log_tail(), ElementsAre("a warning", "seedbed-agree: it did not work"));
  EXPECT_THAT(agree_.Runs(), ElementsAre("a", "a", "a"));
  Stop();
  EXPECT_EQ(Metric("seedbed_results_failed_attempts_total"), 3);
  EXPECT_EQ(Metric("seedbed_results_agreements_failed_total"), 1);
  EXPECT_EQ(Metric("seedbed_results_agreements_computed_total"), 0);
}

TEST_F(AgreementWorkerTest, AFailureThatPassesIsRetried) {
  agree_.SetMode("fail once");
  Add("a", "content");
  Start();
  ASSERT_TRUE(AwaitAnswer("a"));
  EXPECT_FALSE(store_->Get("a")->has_failure());
  EXPECT_THAT(agree_.Runs(), ElementsAre("a", "a"));
}

TEST_F(AgreementWorkerTest, ACrashIsReportedWithItsSignal) {
  agree_.SetMode("crash");
  Add("a", "content");
  Start();
  const v1::Failure failure = AwaitFailure("a");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_INTERNAL);
  EXPECT_EQ(failure.signal(), SIGSEGV);
}

TEST_F(AgreementWorkerTest, OutputThatIsNoAgreementIsAFailure) {
  agree_.SetMode("bad json");
  Add("a", "content");
  Start();
  EXPECT_THAT(AwaitFailure("a").message(), HasSubstr("not the JSON of an agreement"));
  agree_.SetMode("silent");
  Add("b", "other content");
  EXPECT_THAT(AwaitFailure("b").message(), HasSubstr("agreement.json"));
}

// The second run writes nothing: the first one's output must not pass for its own.
TEST_F(AgreementWorkerTest, AnEarlierOutputIsNotTakenForALaterOne) {
  Add("a", "content");
  Start();
  ASSERT_TRUE(AwaitAnswer("a"));
  agree_.SetMode("silent");
  Add("b", "other content");
  EXPECT_THAT(AwaitFailure("b").message(), HasSubstr("agreement.json"));
}

TEST_F(AgreementWorkerTest, TheAnswerMustBeOfTheDictionariesThatWereAskedFor) {
  const v1::Agreement request = TestRequest("sweep", "a", "content");
  Add("a", "content");
  agree_.Prepare("a", TestAnswer(TestRequest("sweep", "a", "replaced meanwhile")));
  Start();
  EXPECT_THAT(AwaitFailure("a").message(), HasSubstr("holds another dictionary"));
}

TEST_F(AgreementWorkerTest, AMissingProgramIsAFailure) {
  program_ = folder_.Path("nowhere");
  Add("a", "content");
  Start();
  const v1::Failure failure = AwaitFailure("a");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_IO);
  EXPECT_THAT(failure.message(), HasSubstr("nowhere"));
}

TEST_F(AgreementWorkerTest, AFailureDoesNotHoldUpTheNextOne) {
  agree_.SetMode("ok");
  Add("a", "content");
  ASSERT_TRUE(RemoveAll(folder_.Path("a.json")).ok());
  Add("b", "other content");
  Start();
  EXPECT_TRUE(AwaitFailure("a").message().find("code 1") != std::string::npos);
  ASSERT_TRUE(AwaitAnswer("b"));
  EXPECT_FALSE(store_->Get("b")->has_failure());
}

TEST_F(AgreementWorkerTest, ComputesWhatIsPendingInOrder) {
  Add("a", "content a");
  Add("b", "content b");
  Start();
  ASSERT_TRUE(AwaitAnswer("b"));
  Add("c", "content c");
  ASSERT_TRUE(AwaitAnswer("c"));
  EXPECT_THAT(agree_.Runs(), ElementsAre("a", "b", "c"));
  const v1::Agreement answer = store_->Get("a").value();
  EXPECT_EQ(answer.siblings().pw_mcc(), 0.5);
  EXPECT_EQ(answer.dictionaries(2).path(), "/artifacts/sweep/a-run-2");
  EXPECT_TRUE(answer.same_batches());
  EXPECT_EQ(answer.sae().hookpoint(), "layers.9");
  Stop();
  EXPECT_EQ(Metric("seedbed_results_agreements_computed_total"), 3);
  EXPECT_EQ(Metric("seedbed_results_pairs_computed_total"), 9);
  EXPECT_NEAR(Metric("seedbed_results_largest_gap"), 1e-13, 1e-15);
  EXPECT_EQ(Metric("seedbed_results_shared_fraction"), 0.25);
}

TEST_F(AgreementWorkerTest, TellsTheProgramEverythingItNeeds) {
  Add("a", "content");
  Start();
  ASSERT_TRUE(AwaitAnswer("a"));
  EXPECT_THAT(agree_.Arguments().back(),
              AllOf(HasSubstr("--threshold 0.69999999999999996"), HasSubstr("--threads 3"), HasSubstr("--sweep sweep"),
                    HasSubstr("--sibling-set a"), HasSubstr("--pairs " + folder_.Path("pairs")),
                    HasSubstr(" -- /artifacts/sweep/a-run-0 /artifacts/sweep/a-run-1 /artifacts/sweep/a-run-2")));
}

TEST_F(AgreementWorkerTest, WhatCanNotFitIsRefusedWithTheNumbersAndNotStarted) {
  Add("a", "content", int64_t{1} << 40);
  Start();
  const v1::Failure failure = AwaitFailure("a");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_OUT_OF_MEMORY);
  EXPECT_THAT(failure.message(), AllOf(HasSubstr("MiB pair by pair"), HasSubstr("--memory-mib allows 1024")));
  EXPECT_THAT(agree_.Runs(), IsEmpty());
}

TEST_F(AgreementWorkerTest, AProcessThatTakesMoreThanItMayIsKilledAndTriedPairByPair) {
  memory_bytes_ = int64_t{64} << 20;
  agree_.SetMode("hungry");
  Add("a", "content");
  Start();
  const v1::Failure failure = AwaitFailure("a");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_OUT_OF_MEMORY);
  EXPECT_THAT(failure.message(), HasSubstr("more than the 64 that it may have"));
  EXPECT_THAT(agree_.Runs(), ElementsAre("a", "a"));
  EXPECT_THAT(agree_.Arguments().front(), HasSubstr("/artifacts/sweep/a-run-2"));
  EXPECT_THAT(agree_.Arguments().back(), ::testing::EndsWith("a-run-0 /artifacts/sweep/a-run-1")) << "a pair alone";
}

TEST_F(AgreementWorkerTest, SetsShareTheCores) {
  sets_at_once_ = 2;
  memory_bytes_ = int64_t{1} << 40;
  agree_.SetMode("hang");
  for (const char* set : {"a", "b", "c"}) Add(set, set, 1000);
  Start();
  ASSERT_TRUE(WaitFor([&] { return agree_.Runs().size() == 2; }));
  EXPECT_THAT(agree_.Runs(), ::testing::UnorderedElementsAre("a", "b"));
  const std::vector<std::string> arguments = agree_.Arguments();
  EXPECT_THAT(arguments, ::testing::UnorderedElementsAre(HasSubstr("--threads 1"), HasSubstr("--threads 2")));
}

TEST_F(AgreementWorkerTest, ASetWaitsForMemoryThatAnotherHas) {
  sets_at_once_ = 2;
  agree_.SetMode("hang");
  for (const char* set : {"a", "b"}) Add(set, set, int64_t{200} << 20);
  Start();
  ASSERT_TRUE(WaitFor([&] { return agree_.Runs().size() == 1; }));
  agree_.SetMode("ok");
  kill(agree_.Pids().front(), SIGKILL);
  ASSERT_TRUE(AwaitAnswer("a"));
  ASSERT_TRUE(AwaitAnswer("b"));
  EXPECT_THAT(agree_.Runs(), ElementsAre("a", "a", "b")) << "the killed one is tried again before the other is begun";
}

TEST_F(AgreementWorkerTest, TellsHowManyPairsAreStored) {
  agree_.SetMode("hang");
  const v1::Agreement request = Add("a", "content");
  const std::string name =
      PairFileName(PairIdentity(request.dictionaries(0).manifest_sha256(), request.dictionaries(2).manifest_sha256()));
  Start();
  const auto done = [&](int pairs) {
    const auto progress = feed_.Progress("a");
    return progress.has_value() && progress->pairs_done() == pairs && progress->pairs_total() == 3;
  };
  ASSERT_TRUE(WaitFor([&] { return done(0); }));
  ASSERT_TRUE(MakeFolders(folder_.Path("pairs")).ok());
  ASSERT_TRUE(WriteFileDurably(JoinPath(folder_.Path("pairs"), name), "").ok());
  EXPECT_TRUE(WaitFor([&] { return done(1); }));
}

TEST_F(AgreementWorkerTest, AsksForWhatTheSweepAsksFor) {
  v1::Agreement request = TestRequest("sweep", "a", "content");
  request.set_consensus_members(3);
  agree_.Prepare("a", TestAnswer(request));
  ASSERT_TRUE(store_->AddSiblingSet(request, {1, "sweep"}).ok());
  v1::Agreement too_few = TestRequest("sweep", "b", "other", 2);
  too_few.set_consensus_members(3);
  agree_.Prepare("b", TestAnswer(too_few));
  ASSERT_TRUE(store_->AddSiblingSet(too_few, {2, "sweep"}).ok());
  Start();
  ASSERT_TRUE(AwaitAnswer("a"));
  ASSERT_TRUE(AwaitAnswer("b"));
  const std::string folder = JoinPath(folder_.Path("artifacts"), ContentKey(request));
  EXPECT_THAT(agree_.Arguments().front(),
              AllOf(HasSubstr("--stability-folder " + folder + "/stability"),
                    HasSubstr("--consensus " + folder + "/consensus --consensus-members 3")));
  EXPECT_THAT(agree_.Arguments().back(), ::testing::Not(HasSubstr("--consensus")));
  EXPECT_THAT(store_->Get("b")->warnings(), ElementsAre(HasSubstr("only 2 runs succeeded")));
}

TEST_F(AgreementWorkerTest, EqualDictionariesAreComparedOnce) {
  Start();
  Add("a", "content");
  ASSERT_TRUE(AwaitAnswer("a"));
  Add("b", "content");
  ASSERT_TRUE(AwaitAnswer("b"));
  EXPECT_THAT(agree_.Runs(), ElementsAre("a"));
  EXPECT_EQ(store_->Get("b")->siblings().pw_mcc(), 0.5);
  EXPECT_EQ(store_->Get("b")->dictionaries(0).run_id(), "b-run-0");
  Stop();
  EXPECT_EQ(Metric("seedbed_results_agreements_reused_total"), 1);
}

TEST_F(AgreementWorkerTest, AStopInTheMiddleLeavesItPendingAndARestartComputesItOnce) {
  Add("a", "content a");
  Start();
  ASSERT_TRUE(AwaitAnswer("a"));
  agree_.SetMode("hang");
  Add("b", "content b");
  ASSERT_TRUE(WaitFor([&] { return agree_.Runs().size() == 2; }));
  Stop();
  EXPECT_EQ(kill(agree_.Pids().back(), 0), -1) << "it is gone with the worker";
  EXPECT_EQ(store_->Get("b").status().code(), absl::StatusCode::kFailedPrecondition);
  agree_.SetMode("ok");
  Start();
  ASSERT_TRUE(AwaitAnswer("b"));
  EXPECT_THAT(agree_.Runs(), ElementsAre("a", "b", "b")) << "and what was stored is not computed again";
}

TEST_F(AgreementWorkerTest, AProcessThatIgnoresSigtermIsKilled) {
  agree_.SetMode("stubborn");
  Add("a", "content");
  Start();
  ASSERT_TRUE(WaitFor([&] { return agree_.Runs().size() == 1; }));
  Stop();
  EXPECT_EQ(kill(agree_.Pids().back(), 0), -1);
  EXPECT_THAT(store_->Pending().value(), SizeIs(1));
}

TEST_F(AgreementWorkerTest, StopsAtOnceWhenThereIsNothingToDo) {
  Start();
  Stop();
  EXPECT_THAT(agree_.Runs(), IsEmpty());
}

}  // namespace
}  // namespace seedbed
