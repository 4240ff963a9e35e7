#include "server/artifacts/artifact_service.h"

#include <unistd.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"
#include "server/artifacts/file_chunks.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ArtifactServiceTest : public ::testing::Test {
 protected:
  ArtifactServiceTest()
      : service_([this](const std::string& id) -> absl::StatusOr<v1::Artifact> {
          if (id == "run") return artifact_;
          return absl::NotFoundError(absl::StrCat("no ", id));
        }),
        server_(RpcServer::Start("127.0.0.1", 0, {&service_}).value()),
        stub_(v1::ArtifactService::NewStub(MakeChannel(absl::StrCat("127.0.0.1:", server_->port())))) {
    artifact_.set_path(folder_.path());
    Add("small.txt", "abc");
  }

  void Add(const std::string& name, const std::string& contents) {
    ASSERT_TRUE(WriteFileDurably(folder_.Path(name), contents).ok());
    v1::ArtifactFile* file = artifact_.add_files();
    file->set_name(name);
    file->set_bytes(static_cast<int64_t>(contents.size()));
    file->set_sha256(Sha256Hex(contents));
  }

  // What came, and how it ended.
  absl::Status Get(const std::string& id, const std::string& name, int64_t offset) {
    received_.clear();
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(30));
    v1::GetArtifactRequest request;
    request.set_artifact_id(id);
    request.set_name(name);
    request.set_offset(offset);
    const auto stream = stub_->GetArtifact(&context, request);
    v1::GetArtifactResponse chunk;
    while (stream->Read(&chunk)) {
      EXPECT_EQ(chunk.offset(), offset + static_cast<int64_t>(received_.size()));
      EXPECT_EQ(chunk.sha256(), Sha256Hex(chunk.data()));
      received_ += chunk.data();
    }
    return FromGrpcStatus(stream->Finish());
  }

  const TempFolder folder_;
  v1::Artifact artifact_;
  ArtifactService service_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<v1::ArtifactService::Stub> stub_;
  std::string received_;
};

TEST_F(ArtifactServiceTest, SendsAFileFromAnyOffset) {
  std::string large(2 * FileChunks::kChunkBytes + 7, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
  Add("large.bin", large);
  for (const size_t offset : {size_t{0}, size_t{5}, FileChunks::kChunkBytes, large.size() - 1, large.size()}) {
    EXPECT_TRUE(Get("run", "large.bin", static_cast<int64_t>(offset)).ok());
    EXPECT_EQ(Sha256Hex(received_), Sha256Hex(large.substr(offset))) << offset;
  }
}

TEST_F(ArtifactServiceTest, ListsWhatIsRegistered) {
  grpc::ClientContext context;
  v1::ListArtifactRequest request;
  request.set_artifact_id("run");
  v1::ListArtifactResponse response;
  ASSERT_TRUE(stub_->ListArtifact(&context, request, &response).ok());
  EXPECT_EQ(response.artifact().SerializeAsString(), artifact_.SerializeAsString());
}

TEST_F(ArtifactServiceTest, AnUnknownIdOrFileOrOffsetIsNamed) {
  EXPECT_EQ(Get("other", "small.txt", 0), absl::NotFoundError("no other"));
  EXPECT_EQ(Get("", "small.txt", 0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Get("run", "nothing.txt", 0).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Get("run", "small.txt", -1).code(), absl::StatusCode::kInvalidArgument);
  const absl::Status beyond = Get("run", "small.txt", 4);
  EXPECT_EQ(beyond.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(beyond.message()), AllOf(HasSubstr("has 3 bytes"), HasSubstr("offset is 4")));
}

TEST_F(ArtifactServiceTest, NothingOutsideTheFolderIsServed) {
  const TempFolder outside;
  ASSERT_TRUE(WriteFileDurably(outside.Path("secret"), "secret").ok());
  for (const std::string& name : {outside.Path("secret"), std::string("../secret"), std::string("."), std::string()}) {
    EXPECT_EQ(Get("run", name, 0).code(), absl::StatusCode::kNotFound) << name;
  }
  // Not even where the registered list names it, or a link leads out.
  artifact_.add_files()->set_name("../secret");
  EXPECT_EQ(Get("run", "../secret", 0).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(symlink(outside.Path("secret").c_str(), folder_.Path("link").c_str()), 0);
  artifact_.add_files()->set_name("link");
  EXPECT_FALSE(Get("run", "link", 0).ok());
  EXPECT_EQ(received_, "");
}

TEST_F(ArtifactServiceTest, AFileThatChangedIsAnErrorWithBothChecksums) {
  ASSERT_TRUE(WriteFileDurably(folder_.Path("small.txt"), "abd").ok());
  for (const int64_t offset : {0, 2, 3}) {
    const absl::Status changed = Get("run", "small.txt", offset);
    EXPECT_EQ(changed.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(changed.message()),
                AllOf(HasSubstr(folder_.Path("small.txt")), HasSubstr(Sha256Hex("abd")), HasSubstr(Sha256Hex("abc"))));
  }
  ASSERT_TRUE(RemoveAll(folder_.Path("small.txt")).ok());
  EXPECT_EQ(Get("run", "small.txt", 0).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace seedbed
