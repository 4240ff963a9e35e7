// Downloads from a real artifact service, behind one that cuts transfers and changes bytes.
#include "client/artifact_download.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/dictionary_folder.h"
#include "common/file.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"
#include "seedbed/v1/artifact_service.grpc.pb.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr size_t kChunk = 1000;

// One file of 2,500 bytes and a manifest.
class FakeArtifacts final : public v1::ArtifactService::Service {
 public:
  FakeArtifacts() {
    for (int i = 0; i < 2500; ++i) large.push_back(static_cast<char>(i * 7));
    file_name = "large.bin";
  }

  grpc::Status ListArtifact(grpc::ServerContext*, const v1::ListArtifactRequest* request,
                            v1::ListArtifactResponse* response) override {
    if (request->artifact_id() != "s1-r0") return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such artifact");
    v1::ArtifactFile* file = response->mutable_artifact()->add_files();
    file->set_name(file_name);
    file->set_sha256(registered.empty() ? Sha256Hex(large) : registered);
    response->mutable_artifact()->set_manifest_sha256(Sha256Hex("manifest"));
    return grpc::Status::OK;
  }

  grpc::Status GetArtifact(grpc::ServerContext*, const v1::GetArtifactRequest* request,
                           grpc::ServerWriter<v1::GetArtifactResponse>* writer) override {
    offsets.push_back(request->offset());
    const std::string contents = request->name() == "manifest.json" ? "manifest" : large;
    for (auto offset = static_cast<size_t>(request->offset()); offset < contents.size(); offset += kChunk) {
      if (cut_always || (cut_each_chunk && offset > static_cast<size_t>(request->offset()))) {
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
      }
      v1::GetArtifactResponse chunk;
      chunk.set_offset(static_cast<int64_t>(offset));
      chunk.set_data(contents.substr(offset, kChunk));
      chunk.set_sha256(Sha256Hex(chunk.data()));
      if (flip_bytes) chunk.mutable_data()->front() ^= 1;
      writer->Write(chunk);
    }
    return grpc::Status::OK;
  }

  std::string large;
  std::string file_name;
  std::string registered;  // In the place of the true checksum.
  bool cut_each_chunk = false;
  bool cut_always = false;
  bool flip_bytes = false;
  std::vector<int64_t> offsets;
};

class FakeSweepService final : public v1::SweepService::Service {
 public:
  grpc::Status GetRun(grpc::ServerContext*, const v1::GetRunRequest* request, v1::GetRunResponse* response) override {
    response->mutable_run()->set_run_id(request->run_id());
    response->mutable_run()->mutable_result()->mutable_dictionary()->set_path("/on/another/machine");
    return grpc::Status::OK;
  }
  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                             v1::GetServerInfoResponse* response) override {
    response->set_results_address(results_address);
    return grpc::Status::OK;
  }
  std::string results_address;
};

class ArtifactDownloadTest : public testing::Test {
 protected:
  ArtifactDownloadTest()
      : server_(RpcServer::Start("127.0.0.1", 0, {&artifacts_, &sweeps_}).value()),
        address_(absl::StrCat("127.0.0.1:", server_->port())) {
    sweeps_.results_address = address_;
  }

  absl::Status Download() { return DownloadArtifact(address_, "s1-r0", folder_.Path("got")); }

  const TempFolder folder_;
  FakeArtifacts artifacts_;
  FakeSweepService sweeps_;
  std::unique_ptr<RpcServer> server_;
  const std::string address_;
};

TEST_F(ArtifactDownloadTest, FetchesEveryFileAndTheManifest) {
  ASSERT_TRUE(Download().ok());
  EXPECT_EQ(ReadFile(folder_.Path("got/large.bin")).value(), artifacts_.large);
  EXPECT_EQ(ReadFile(folder_.Path("got/manifest.json")).value(), "manifest");
  EXPECT_EQ(Download().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(ArtifactDownloadTest, ATransferThatIsCutGoesOn) {
  artifacts_.cut_each_chunk = true;
  ASSERT_TRUE(Download().ok());
  EXPECT_EQ(ReadFile(folder_.Path("got/large.bin")).value(), artifacts_.large);
  EXPECT_THAT(artifacts_.offsets, ElementsAre(0, 1000, 2000, 0));
}

TEST_F(ArtifactDownloadTest, GivesUpWhereNothingComes) {
  artifacts_.cut_always = true;
  EXPECT_EQ(Download().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(artifacts_.offsets, SizeIs(5));
}

TEST_F(ArtifactDownloadTest, AFileThatIsAnotherNamesBothChecksums) {
  artifacts_.registered = Sha256Hex("what it was");
  const absl::Status status = Download();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("large.bin"), HasSubstr(artifacts_.registered), HasSubstr(Sha256Hex(artifacts_.large))));
}

TEST_F(ArtifactDownloadTest, AChunkThatIsDamagedIsRefused) {
  artifacts_.flip_bytes = true;
  EXPECT_EQ(Download().code(), absl::StatusCode::kDataLoss);
}

TEST_F(ArtifactDownloadTest, ANameThatLeadsOutOfTheFolderIsRefused) {
  for (const char* name : {"../out", "/etc/out", "..", ""}) {
    artifacts_.file_name = name;
    EXPECT_EQ(Download().code(), absl::StatusCode::kDataLoss) << name;
    ASSERT_TRUE(RemoveAll(folder_.Path("got")).ok());
  }
  EXPECT_FALSE(PathExists(folder_.Path("out")));
}

TEST_F(ArtifactDownloadTest, ARunIsFetchedWhereItsFolderIsNotSeen) {
  for (const char* source : {"s1-r0", "run:s1-r0"}) {
    const auto folder = DictionaryFolder(source, address_, folder_.path());
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_EQ(*folder, folder_.Path("s1-r0"));
    EXPECT_EQ(ReadFile(JoinPath(*folder, "large.bin")).value(), artifacts_.large);
  }
  EXPECT_THAT(artifacts_.offsets, SizeIs(2)) << "once";
  EXPECT_EQ(DictionaryFolder("s1-r1", address_, folder_.path()).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace seedbed
