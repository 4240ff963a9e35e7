// The calls of the results service, with a stand-in for seedbed-agree.
#include "server/results/results_service.h"

#include <signal.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/pair_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/pairs/stored_pair.h"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"
#include "server/results/agreement_worker.h"
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
using ::testing::StartsWith;

class ResultsServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = ResultsStore::Open(folder_.Path("results.db")).value();
    ASSERT_TRUE(MakeFolders(folder_.Path("work")).ok());
    AgreementWorker::Options options;
    options.agree.program = agree_.program();
    options.agree.work_folder = folder_.Path("work");
    options.agree.pair_folder = folder_.Path("pairs");
    options.artifact_root = folder_.Path("artifacts");
    options.attempts = 1;
    worker_.emplace(options, store_.get(), &metrics_, &feed_);
    service_.emplace(ResultsService::Parts{store_.get(), &feed_, folder_.Path("pairs"), [] { return 1; },
                                           [this] { worker_->Wake(); }});
    server_ = RpcServer::Start("127.0.0.1", 0, {&*service_}).value();
    stub_ = v1::ResultsService::NewStub(MakeChannel(absl::StrCat("127.0.0.1:", server_->port())));
  }

  void Submit(const std::string& sibling_set_id) {
    ASSERT_TRUE(store_->AddRuns("sweep", SubmittedEvent("sweep", sibling_set_id).sweep_submitted()).ok());
  }
  void EndRuns(const std::string& sibling_set_id) {
    const v1::Event finished = FinishedEvent("sweep", sibling_set_id, sibling_set_id);
    for (int i = 0; i < 3; ++i) {
      const std::string& run = finished.sibling_set_finished().run_ids(i);
      ASSERT_TRUE(store_->EndRun("sweep", run, &finished.sibling_set_finished().results(i)).ok());
    }
    feed_.Notify();
  }
  void Finish(const std::string& sibling_set_id) {
    const v1::Agreement request = TestRequest("sweep", sibling_set_id, sibling_set_id);
    agree_.Prepare(sibling_set_id, TestAnswer(request));
    ASSERT_TRUE(store_->AddSiblingSet(request, {1, "sweep"}).ok());
    worker_->Wake();
    feed_.Notify();
  }
  bool AwaitAnswer(const std::string& id) {
    return WaitFor([&] { return store_->Get(id).ok(); });
  }

  // Everything that comes until the stream ends, and how it ends.
  struct Watched {
    std::vector<std::string> agreements;
    std::vector<std::string> progress;
    absl::Status status;
  };
  Watched Watch(const std::string& sweep_id) {
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(60));
    v1::WatchAgreementRequest request;
    request.set_sweep_id(sweep_id);
    const auto stream = stub_->WatchAgreement(&context, request);
    Watched watched;
    v1::WatchAgreementResponse update;
    while (stream->Read(&update)) {
      if (update.has_agreement()) watched.agreements.push_back(update.agreement().sibling_set_id());
      if (update.has_progress()) {
        watched.progress.push_back(absl::StrCat(update.progress().sibling_set_id(), " ", update.progress().pairs_done(),
                                                "/", update.progress().pairs_total()));
        ++progress_seen_;
      }
      agreements_seen_ = static_cast<int>(watched.agreements.size());
    }
    watched.status = FromGrpcStatus(stream->Finish());
    return watched;
  }

  absl::StatusOr<v1::Agreement> Get(const std::string& id, std::optional<double> threshold) {
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(30));
    v1::GetAgreementRequest request;
    request.set_sibling_set_id(id);
    if (threshold.has_value()) request.set_threshold(*threshold);
    v1::GetAgreementResponse response;
    const grpc::Status status = stub_->GetAgreement(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response.agreement();
  }

  absl::StatusOr<v1::CompareDictionariesResponse> Compare(const v1::CompareDictionariesRequest& request) {
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(30));
    v1::CompareDictionariesResponse response;
    const grpc::Status status = stub_->CompareDictionaries(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  static v1::CompareDictionariesRequest Runs(const std::vector<std::string>& ids) {
    v1::CompareDictionariesRequest request;
    for (const std::string& id : ids) request.add_run_ids(id);
    return request;
  }

  absl::Status Latents(const v1::StreamLatentsRequest& request, std::vector<v1::StreamLatentsResponse>* chunks) {
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(30));
    const auto stream = stub_->StreamLatents(&context, request);
    v1::StreamLatentsResponse chunk;
    while (stream->Read(&chunk)) chunks->push_back(chunk);
    return FromGrpcStatus(stream->Finish());
  }

  TempFolder folder_;
  FakeAgree agree_{folder_.path()};
  std::unique_ptr<ResultsStore> store_;
  ResultsMetrics metrics_;
  AgreementFeed feed_;
  std::optional<AgreementWorker> worker_;
  std::optional<ResultsService> service_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<v1::ResultsService::Stub> stub_;
  std::atomic<int> agreements_seen_{0};
  std::atomic<int> progress_seen_{0};
};

TEST_F(ResultsServiceTest, AWatchBeginsWithWhatIsStoredAndEndsWithTheSweep) {
  Submit("a");
  Finish("a");
  ASSERT_TRUE(AwaitAnswer("a"));
  Watched watched;
  std::thread watcher([&] { watched = Watch("sweep"); });
  EXPECT_TRUE(WaitFor([&] { return agreements_seen_ == 1; }));
  agree_.SetMode("hang");
  Finish("b");
  EXPECT_TRUE(WaitFor([&] { return progress_seen_ == 1; }));
  EndRuns("a");
  agree_.SetMode("ok");
  worker_.reset();  // The set that hangs stays pending.
  EXPECT_EQ(agreements_seen_, 1) << "nothing ends while a set is pending";
  const v1::Agreement request = TestRequest("sweep", "b", "b");
  ASSERT_TRUE(store_->StoreNumbers(request, ContentKey(request), TestAnswer(request)).ok());
  feed_.Notify();
  watcher.join();
  EXPECT_TRUE(watched.status.ok()) << watched.status;
  EXPECT_THAT(watched.agreements, ElementsAre("a", "b"));
  EXPECT_THAT(watched.progress, ElementsAre("b 0/3"));
}

TEST_F(ResultsServiceTest, AWatchOfNothingIsRefusedAndAStopEndsEveryOne) {
  EXPECT_EQ(Watch("").status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Watch("unknown").status.code(), absl::StatusCode::kNotFound);
  Submit("a");
  Watched watched;
  std::thread watcher([&] { watched = Watch("sweep"); });
  feed_.Stop();
  watcher.join();
  EXPECT_EQ(watched.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(watched.agreements, IsEmpty());
}

TEST_F(ResultsServiceTest, ASweepThatFailedEntirelyEndsItsWatch) {
  Submit("a");
  ASSERT_TRUE(store_->EndRuns("sweep").ok());
  const Watched watched = Watch("sweep");
  EXPECT_TRUE(watched.status.ok()) << watched.status;
  EXPECT_THAT(watched.agreements, IsEmpty());
}

TEST_F(ResultsServiceTest, AnotherThresholdIsComputedOnceFromThePairs) {
  Finish("a");
  ASSERT_TRUE(AwaitAnswer("a"));
  v1::Agreement answer = TestAnswer(AtThreshold(TestRequest("sweep", "a", "a"), 0.5), 0.25);
  agree_.Prepare("a@0.5", answer);
  EXPECT_EQ(Get("a", 0.5).status().code(), absl::StatusCode::kFailedPrecondition) << "it is being computed";
  ASSERT_TRUE(AwaitAnswer("a@0.5"));
  const auto agreement = Get("a", 0.5);
  ASSERT_TRUE(agreement.ok()) << agreement.status();
  EXPECT_EQ(agreement->threshold(), 0.5);
  EXPECT_EQ(agreement->siblings().pw_mcc(), 0.25);
  EXPECT_EQ(agreement->sibling_set_id(), "a");
  EXPECT_EQ(agreement->sweep_id(), "sweep");
  EXPECT_THAT(agree_.Runs(), ElementsAre("a", "a@0.5"));
  EXPECT_EQ(Get("a", 0.7)->siblings().pw_mcc(), 0.5) << "its own threshold needs nothing";
  EXPECT_THAT(store_->List("sweep")->agreements, SizeIs(1));
}

TEST_F(ResultsServiceTest, AThresholdOrSetThatIsNoneIsNamed) {
  EXPECT_EQ(Get("unknown", 0.5).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Get("unknown", std::nullopt).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Get("a", 1.5).status().message()), HasSubstr("threshold: is 1.5; must be -1..1"));
  EXPECT_EQ(Get("", 0.5).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ResultsServiceTest, ComparesRunsOfAnySweepsOnce) {
  Submit("a");
  EndRuns("a");
  agree_.SetMode("hang");
  const auto first = Compare(Runs({"a-run-2", "a-run-0"}));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(first->comparison_id(), StartsWith("comparison-"));
  EXPECT_FALSE(first->has_agreement());
  ASSERT_TRUE(WaitFor([&] { return agree_.Runs().size() == 1; }));
  EXPECT_THAT(agree_.Arguments().back(), HasSubstr(" -- /artifacts/sweep/a-run-2 /artifacts/sweep/a-run-0"));
  EXPECT_THAT(agree_.Arguments().back(), HasSubstr("--threshold 0.69999999999999996"));
  const v1::Agreement request = store_->FindRequest(first->comparison_id()).value();
  agree_.Prepare(first->comparison_id(), TestAnswer(request, 0.125));
  agree_.SetMode("ok");
  kill(agree_.Pids().back(), SIGKILL);
  ASSERT_TRUE(AwaitAnswer(first->comparison_id()));
  ASSERT_TRUE(store_->Get(first->comparison_id())->has_failure()) << "one attempt, and it was killed";

  const auto asked_again = Compare(Runs({"a-run-2", "a-run-0"}));
  ASSERT_TRUE(asked_again.ok()) << asked_again.status();
  ASSERT_TRUE(WaitFor([&] {
    const auto answer = store_->Get(first->comparison_id());
    return answer.ok() && !answer->has_failure();
  }));
  const auto known = Compare(Runs({"a-run-2", "a-run-0"}));
  EXPECT_EQ(known->agreement().siblings().pw_mcc(), 0.125);
  EXPECT_EQ(known->agreement().dictionaries(0).run_id(), "a-run-2");
  EXPECT_THAT(agree_.Runs(), SizeIs(2));
}

TEST_F(ResultsServiceTest, AComparisonThatIsNoneIsNamed) {
  Submit("a");
  EXPECT_THAT(std::string(Compare(Runs({"a-run-0"})).status().message()), HasSubstr("run_ids: has 1 ids; must have 2"));
  EXPECT_THAT(std::string(Compare(Runs({"a-run-0", "a-run-0"})).status().message()),
              HasSubstr("run_ids[1]: is \"a-run-0\" once more"));
  v1::CompareDictionariesRequest request = Runs({"a-run-0", "a-run-1"});
  EXPECT_EQ(Compare(request).status().code(), absl::StatusCode::kFailedPrecondition) << "they are still trained";
  request.set_threshold(-2);
  request.set_consensus_members(3);
  EXPECT_THAT(std::string(Compare(request).status().message()),
              AllOf(HasSubstr("threshold: is -2"), HasSubstr("consensus_members: is 3; must be 0, or from 2 to the")));
  EXPECT_EQ(Compare(Runs({"x", "y"})).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(agree_.Runs(), IsEmpty());
}

TEST_F(ResultsServiceTest, StreamsCounterpartsOfAPairAndSaysWhatIsMissing) {
  v1::StreamLatentsRequest request;
  std::vector<v1::StreamLatentsResponse> chunks;
  EXPECT_EQ(Latents(request, &chunks).code(), absl::StatusCode::kInvalidArgument);
  request.set_sibling_set_id("a");
  EXPECT_EQ(Latents(request, &chunks).code(), absl::StatusCode::kNotFound);
  Finish("a");
  ASSERT_TRUE(AwaitAnswer("a"));
  EXPECT_EQ(Latents(request, &chunks).code(), absl::StatusCode::kFailedPrecondition) << "no stability was written";
  request.mutable_pair()->set_b(1);
  EXPECT_EQ(Latents(request, &chunks).code(), absl::StatusCode::kDataLoss) << "no matching was stored";
  EXPECT_THAT(chunks, IsEmpty());

  const v1::Agreement agreement = store_->Get("a").value();
  v1::StoredPair pair;
  pair.set_identity(
      PairIdentity(agreement.dictionaries(0).manifest_sha256(), agreement.dictionaries(1).manifest_sha256()));
  for (v1::SideMatching* side : {pair.mutable_decoder(), pair.mutable_encoder()}) {
    side->add_counterpart(0);
    side->add_cosine(0.5);
  }
  ASSERT_TRUE(MakeFolders(folder_.Path("pairs")).ok());
  const std::string path = JoinPath(folder_.Path("pairs"), PairFileName(pair.identity()));
  ASSERT_TRUE(WriteFileDurably(path, FormatStoredPair(pair)).ok());
  EXPECT_TRUE(Latents(request, &chunks).ok());
  ASSERT_THAT(chunks, SizeIs(1));
  EXPECT_THAT(chunks[0].pair().decoder_cosine(), ElementsAre(0.5));
}

}  // namespace
}  // namespace seedbed
