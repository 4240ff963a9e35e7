// `seedbed export` and `seedbed import` with stand-ins for the coordinator and for seedbed-convert.
#include "client/convert.h"

#include <sys/stat.h>

#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/endpoint.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

class FakeSweepService final : public v1::SweepService::Service {
 public:
  v1::Run run;

  grpc::Status GetRun(grpc::ServerContext*, const v1::GetRunRequest* request, v1::GetRunResponse* response) override {
    if (request->run_id() != run.run_id()) return grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no such run");
    *response->mutable_run() = run;
    return grpc::Status::OK;
  }
};

class ConvertTest : public testing::Test {
 protected:
  ConvertTest() : server_(RpcServer::Start("127.0.0.1", 0, {&sweeps_}).value()) {
    options_.server = absl::StrCat("127.0.0.1:", server_->port());
    options_.format = "saelens";
    options_.output = "/out";
    sweeps_.run.set_run_id("s1-r0");
    sweeps_.run.set_state(v1::RUN_STATE_TRAINING);
    UseProgram("printf '%s\\n' \"$@\" > " + folder_.Path("arguments"));
  }

  void UseProgram(const std::string& script) {
    options_.program = folder_.Path("seedbed-convert");
    ASSERT_TRUE(WriteFileDurably(options_.program, "#!/bin/sh\n" + script + "\n").ok());
    ASSERT_EQ(chmod(options_.program.c_str(), 0700), 0);
  }
  std::string Arguments() const { return ReadFile(folder_.Path("arguments")).value_or(""); }

  const TempFolder folder_;
  FakeSweepService sweeps_;
  std::unique_ptr<RpcServer> server_;
  ConvertOptions options_;
  std::ostringstream out_, err_;
  Console console_{&out_, &err_, nullptr};
};

TEST_F(ConvertTest, ARunIsExportedFromTheFolderThatTheCoordinatorKnows) {
  sweeps_.run.mutable_result()->mutable_dictionary()->set_path(folder_.path());
  options_.source = "s1-r0";
  ASSERT_TRUE(RunExport(options_, console_).ok());
  EXPECT_EQ(Arguments(), "--format\nsaelens\n--output\n/out\n--\n" + folder_.path() + "\n");
  EXPECT_EQ(out_.str(), "/out\n");
}

TEST_F(ConvertTest, AFolderNeedsNoCoordinator) {
  server_.reset();
  for (const std::string& source : {folder_.path(), std::string("./run"), std::string("--odd/name")}) {
    options_.source = source;
    ASSERT_TRUE(RunExport(options_, console_).ok());
    EXPECT_THAT(Arguments(), HasSubstr("\n--\n" + source + "\n"));
  }
  ASSERT_TRUE(RunImport(options_, console_).ok());
  EXPECT_EQ(Arguments(), "--output\n/out\n--\n--odd/name\n");
}

TEST_F(ConvertTest, ARunWithoutADictionaryIsNamedWithItsState) {
  options_.source = "s1-r0";
  EXPECT_EQ(RunExport(options_, console_),
            absl::FailedPreconditionError("run s1-r0 has no dictionary: it is training"));
  options_.source = "s1-r7";
  EXPECT_EQ(RunExport(options_, console_).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Arguments(), "");
}

TEST_F(ConvertTest, WhatTheConversionRefusesIsToldInItsWords) {
  options_.source = folder_.path();
  UseProgram("echo a warning >&2; echo 'seedbed-convert: export /out: no gated' >&2; exit 2");
  EXPECT_EQ(RunExport(options_, console_), absl::InvalidArgumentError("export /out: no gated"));
  EXPECT_EQ(RunImport(options_, console_), absl::InvalidArgumentError("export /out: no gated"));
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ConvertTest, AnotherFailureSaysHowTheProgramEnded) {
  options_.source = folder_.path();
  UseProgram("echo 'seedbed-convert: No space left on device' >&2; exit 1");
  EXPECT_EQ(RunExport(options_, console_),
            absl::InternalError("seedbed-convert exited with code 1: No space left on device"));
  UseProgram("kill -9 $$");
  EXPECT_THAT(std::string(RunExport(options_, console_).message()), HasSubstr("signal 9"));
  options_.program = folder_.Path("nowhere");
  EXPECT_THAT(std::string(RunExport(options_, console_).message()), HasSubstr(options_.program));
}

TEST_F(ConvertTest, PrintsJsonWhenAsked) {
  options_.source = folder_.path();
  options_.json = true;
  ASSERT_TRUE(RunImport(options_, console_).ok());
  EXPECT_EQ(out_.str(), "{\"path\":\"/out\"}\n");
}

}  // namespace
}  // namespace seedbed
