// `seedbed results`, `seedbed compare` and `seedbed latents` against stand-ins for the daemons.
#include <atomic>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "seedbed/v1/results.grpc.pb.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kAgreement[] = R"(
  sibling_set_id: "set" threshold: 0.7
  dictionaries { run_id: "r0" } dictionaries { path: "/x, \"y\"/b" }
  pairs {
    a: 0 b: 1 decoder { mean_cosine: 0.5 mmcs_ab: 0.625 mmcs_ba: 0.75 upper_bound: 0.5 certified: true }
    encoder { mean_cosine: 0.25 } encoder_decoder_equal: 0.125 shared_strict: 0.0625 shared_aligned: 1
    curve { threshold: 0 strict: 1 aligned: 1 } curve { threshold: 0.5 strict: 0.5 aligned: 0.75 }
  }
  siblings { sharing_counts: [ 3, 5 ] unique_fraction_by_seeds: [ 1, 0.375 ] unique_fraction_sd: [ 0, 0.125 ] })";

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

class FakeSweepService final : public v1::SweepService::Service {
 public:
  std::string results_address;

  grpc::Status GetSweep(grpc::ServerContext*, const v1::GetSweepRequest* request,
                        v1::GetSweepResponse* response) override {
    response->mutable_sweep()->set_sweep_id(request->sweep_id());
    return grpc::Status::OK;
  }
  grpc::Status ListRuns(grpc::ServerContext*, const v1::ListRunsRequest*, v1::ListRunsResponse*) override {
    return grpc::Status::OK;
  }
  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                             v1::GetServerInfoResponse* response) override {
    response->set_results_address(results_address);
    return grpc::Status::OK;
  }
};

// Answers a question for what is to be computed when it is asked for the second time.
class FakeResultsService final : public v1::ResultsService::Service {
 public:
  v1::Agreement agreement = Parse<v1::Agreement>(kAgreement);
  grpc::Status compared = grpc::Status::OK;
  v1::CompareDictionariesRequest compare_request;
  std::atomic<int> gets{0};

  grpc::Status ListAgreements(grpc::ServerContext*, const v1::ListAgreementsRequest*,
                              v1::ListAgreementsResponse* response) override {
    *response->add_agreements() = agreement;
    return grpc::Status::OK;
  }
  grpc::Status GetAgreement(grpc::ServerContext*, const v1::GetAgreementRequest* request,
                            v1::GetAgreementResponse* response) override {
    if (++gets == 1) return ToGrpcStatus(absl::FailedPreconditionError("still being computed"));
    *response->mutable_agreement() = agreement;
    response->mutable_agreement()->set_sibling_set_id(request->sibling_set_id());
    if (request->has_threshold()) response->mutable_agreement()->set_threshold(request->threshold());
    return grpc::Status::OK;
  }
  grpc::Status CompareDictionaries(grpc::ServerContext*, const v1::CompareDictionariesRequest* request,
                                   v1::CompareDictionariesResponse* response) override {
    compare_request = *request;
    response->set_comparison_id("comparison-1");
    return compared;
  }
  grpc::Status WatchAgreement(grpc::ServerContext*, const v1::WatchAgreementRequest* request,
                              grpc::ServerWriter<v1::WatchAgreementResponse>* writer) override {
    if (request->sweep_id() != "s1") return ToGrpcStatus(absl::NotFoundError("no such sweep"));
    v1::WatchAgreementResponse update;
    update.mutable_progress()->set_sibling_set_id("set");
    update.mutable_progress()->set_pairs_total(1);
    writer->Write(update);
    *update.mutable_agreement() = agreement;
    writer->Write(update);
    return grpc::Status::OK;
  }
  grpc::Status StreamLatents(grpc::ServerContext*, const v1::StreamLatentsRequest* request,
                             grpc::ServerWriter<v1::StreamLatentsResponse>* writer) override {
    if (request->sibling_set_id() != "set") return ToGrpcStatus(absl::NotFoundError("no such set"));
    if (request->has_pair()) {
      writer->Write(Parse<v1::StreamLatentsResponse>(
          "first_latent: 0 pair { decoder_counterpart: [ 1, -1 ] decoder_cosine: [ 0.5, 0 ] encoder_counterpart: "
          "[ -1, 0 ] encoder_cosine: [ 0, 0.25 ] }"));
      return grpc::Status::OK;
    }
    writer->Write(Parse<v1::StreamLatentsResponse>(
        "first_latent: 0 stability { dictionary: 0 siblings: 2 mean_decoder_cosine: 0.5 mean_encoder_cosine: 0.25 "
        "found_in: 1 }"));
    writer->Write(Parse<v1::StreamLatentsResponse>(
        "first_latent: 1 stability { dictionary: 0 siblings: 2 mean_decoder_cosine: 1 mean_encoder_cosine: 1 "
        "found_in: 2 }"));
    return grpc::Status::OK;
  }
};

// Never interrupted, and never sleeps long.
class NoInterrupts final : public Interrupts {
 public:
  void Hold() override {}
  bool Wait(absl::Duration) override { return false; }
};

class ResultsCommandTest : public testing::Test {
 protected:
  ResultsCommandTest() : server_(RpcServer::Start("127.0.0.1", 0, {&sweeps_, &results_}).value()) {
    sweeps_.results_address = absl::StrCat("127.0.0.1:", server_->port());
  }

  int Run(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), {"--server", sweeps_.results_address});
    return RunCli(arguments, console_);
  }

  const TempFolder folder_;
  FakeSweepService sweeps_;
  FakeResultsService results_;
  std::unique_ptr<RpcServer> server_;
  NoInterrupts interrupts_;
  std::ostringstream out_, err_;
  Console console_{&out_, &err_, &interrupts_};
};

TEST_F(ResultsCommandTest, CsvHasATableForEachFigure) {
  EXPECT_EQ(Run({"results", "s1", "--format", "csv"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(StartsWith("sibling_set,dictionary_a,dictionary_b,threshold,decoder_mean_cosine,"),
                                HasSubstr("\nset,r0,\"/x, \"\"y\"\"/b\",0.7,0.5,0.625,0.75,0.5,1,0.25,0,0,0,0,0.125,"
                                          "0.0625,1\n")));
  EXPECT_EQ(Run({"results", "s1", "--format", "csv", "--table", "curves"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr(",0.5,0.5,0.75\n"));
  EXPECT_EQ(Run({"results", "s1", "--format", "csv", "--table", "sharing_counts"}), 0);
  EXPECT_EQ(out_.str(), "sibling_set,dictionaries,latents\nset,1,3\nset,2,5\n");
  EXPECT_EQ(Run({"results", "s1", "--format", "csv", "--table", "unique_fractions"}), 0);
  EXPECT_EQ(out_.str(), "sibling_set,seeds,mean,sd\nset,1,1,0\nset,2,0.375,0.125\n");
  EXPECT_EQ(Run({"results", "s1", "--format", "parquet"}), 2);
  EXPECT_EQ(Run({"results", "s1", "--format", "csv", "--table", "other"}), 2);
}

TEST_F(ResultsCommandTest, AFolderGetsAllTablesBesideWhatIsPrinted) {
  EXPECT_EQ(Run({"results", "s1", "--csv", folder_.Path("tables"), "--format", "json"}), 0) << err_.str();
  EXPECT_EQ(nlohmann::json::parse(out_.str())["agreements"][0]["threshold"], 0.7);
  EXPECT_THAT(ListFolder(folder_.Path("tables")).value(),
              testing::ElementsAre("curves.csv", "pairs.csv", "sharing_counts.csv", "unique_fractions.csv"));
  EXPECT_NE(Run({"results", "s1", "--csv", "/proc/tables"}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("/proc/tables"));
}

TEST_F(ResultsCommandTest, AnAgreementThatFailedHasNoLines) {
  results_.agreement.mutable_failure()->set_message("why");
  EXPECT_EQ(Run({"results", "s1", "--format", "csv", "--table", "sharing_counts"}), 0);
  EXPECT_EQ(out_.str(), "sibling_set,dictionaries,latents\n");
}

TEST_F(ResultsCommandTest, AnotherThresholdIsWaitedFor) {
  EXPECT_EQ(Run({"results", "s1", "--threshold", "0.25"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("shared at a cosine of 0.25"));
  EXPECT_EQ(results_.gets, 2);
  EXPECT_EQ(Run({"results", "s1", "--threshold", "1.5"}), 2);
}

TEST_F(ResultsCommandTest, AWatchPrintsWhatComes) {
  EXPECT_EQ(Run({"results", "s1", "--watch"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(StartsWith("sibling set set: 0 of 1 pairs\n"), HasSubstr("PW-MCC")));
  EXPECT_EQ(Run({"results", "s2", "--watch"}), 2);
  EXPECT_EQ(err_.str(), "seedbed: no such sweep\n");
}

TEST_F(ResultsCommandTest, CompareWaitsForTheAgreement) {
  EXPECT_EQ(Run({"compare", "r1", "r2", "--threshold", "0.5", "--consensus-members", "2"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(StartsWith("comparison comparison-1\n"), HasSubstr("PW-MCC")));
  EXPECT_EQ(results_.compare_request.run_ids(1), "r2");
  EXPECT_EQ(results_.compare_request.threshold(), 0.5);
  EXPECT_EQ(results_.compare_request.consensus_members(), 2);
  EXPECT_EQ(Run({"compare", "r1", "r2", "--output", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(out_.str())["sibling_set_id"], "comparison-1");
}

TEST_F(ResultsCommandTest, CompareSaysWhyThereIsNoAgreement) {
  results_.agreement.mutable_failure()->set_message("it did not work");
  EXPECT_EQ(Run({"compare", "r1", "r2"}), 1);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("comparison-1"), HasSubstr("it did not work")));
  results_.compared = ToGrpcStatus(absl::NotFoundError("run \"r1\": there is none of this id"));
  EXPECT_EQ(Run({"compare", "r1", "r2"}), 2);
  EXPECT_EQ(err_.str(), "seedbed: run \"r1\": there is none of this id\n");
}

TEST_F(ResultsCommandTest, LatentsAreCsv) {
  EXPECT_EQ(Run({"latents", "set"}), 0) << err_.str();
  EXPECT_EQ(out_.str(),
            "dictionary,latent,mean_decoder_cosine,mean_encoder_cosine,found_in,siblings\n0,0,0.5,0.25,1,2\n"
            "0,1,1,1,2,2\n");
  EXPECT_EQ(Run({"latents", "set", "--pair", "0", "1"}), 0) << err_.str();
  EXPECT_EQ(out_.str(),
            "latent,decoder_counterpart,decoder_cosine,encoder_counterpart,encoder_cosine\n0,1,0.5,,\n1,,,0,0.25\n");
  EXPECT_EQ(Run({"latents", "other"}), 2);
  EXPECT_EQ(Run({"latents", "set", "--pair", "0"}), 2);
}

}  // namespace
}  // namespace seedbed
