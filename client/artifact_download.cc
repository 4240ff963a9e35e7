#include "client/artifact_download.h"

#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/connection.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/sha256.h"
#include "common/status.h"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"
#include "seedbed/v1/artifact_service.grpc.pb.h"

namespace seedbed {
namespace {

constexpr char kManifestName[] = "manifest.json";
constexpr int kMostVainAttempts = 5;  // In a row that brought nothing.
constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);

absl::Status ChecksumError(const std::string& what, const std::string& found, const std::string& expected) {
  return absl::DataLossError(absl::StrCat(what, ": has SHA-256 ", found, ", not ", expected));
}

// A file that grows by chunks.
class PartialFile {
 public:
  explicit PartialFile(const std::string& path) : path_(path), file_(path, std::ios::binary | std::ios::trunc) {}

  int64_t bytes() const { return bytes_; }

  absl::Status Append(const v1::GetArtifactResponse& chunk) {
    if (chunk.offset() != bytes_) {
      return absl::DataLossError(absl::StrCat(path_, ": got byte ", chunk.offset(), " where ", bytes_, " was due"));
    }
    if (const std::string found = Sha256Hex(chunk.data()); found != chunk.sha256()) {
      return ChecksumError(absl::StrCat(path_, ": the chunk at byte ", bytes_), found, chunk.sha256());
    }
    file_.write(chunk.data().data(), static_cast<std::streamsize>(chunk.data().size()));
    if (!file_) return absl::ResourceExhaustedError(absl::StrCat(path_, ": can't be written"));
    hash_.Update(chunk.data());
    bytes_ += static_cast<int64_t>(chunk.data().size());
    return absl::OkStatus();
  }

  // Call once, last.
  absl::Status Close(const std::string& expected_sha256) {
    file_.close();
    if (!file_) return absl::ResourceExhaustedError(absl::StrCat(path_, ": can't be written"));
    const std::string found = hash_.Finish();
    return found == expected_sha256 ? absl::OkStatus() : ChecksumError(path_, found, expected_sha256);
  }

 private:
  const std::string path_;
  std::ofstream file_;
  Sha256 hash_;
  int64_t bytes_ = 0;
};

class Downloader {
 public:
  Downloader(std::string address, std::string artifact_id)
      : address_(std::move(address)),
        artifact_id_(std::move(artifact_id)),
        stub_(v1::ArtifactService::NewStub(MakeChannel(address_))) {}

  absl::StatusOr<v1::Artifact> List() {
    grpc::ClientContext context;
    SetDeadline(context, kCallTimeout);
    v1::ListArtifactRequest request;
    request.set_artifact_id(artifact_id_);
    v1::ListArtifactResponse response;
    const grpc::Status status = stub_->ListArtifact(&context, request, &response);
    if (!status.ok()) return ExplainCall(status, "the results service", address_);
    return response.artifact();
  }

  absl::Status Fetch(const std::string& name, const std::string& sha256, const std::string& folder) {
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
      return absl::DataLossError(absl::StrCat("artifact ", artifact_id_, ": lists a file ", Quoted(name)));
    }
    PartialFile file(JoinPath(folder, name));
    for (int vain = 0;;) {
      const int64_t before = file.bytes();
      grpc::Status broken;
      RETURN_IF_ERROR(ReadStream(name, &file, &broken));
      if (broken.ok()) return file.Close(sha256);
      vain = file.bytes() > before ? 0 : vain + 1;
      const bool may_pass = broken.error_code() == grpc::StatusCode::UNAVAILABLE;
      if (!may_pass || vain >= kMostVainAttempts) return ExplainCall(broken, "the results service", address_);
      absl::SleepFor(vain * kRetryDelay);
    }
  }

 private:
  // From the end of the file on. `broken`: how the stream ended.
  absl::Status ReadStream(const std::string& name, PartialFile* file, grpc::Status* broken) {
    grpc::ClientContext context;
    v1::GetArtifactRequest request;
    request.set_artifact_id(artifact_id_);
    request.set_name(name);
    request.set_offset(file->bytes());
    const auto stream = stub_->GetArtifact(&context, request);
    v1::GetArtifactResponse chunk;
    absl::Status status;
    while (status.ok() && stream->Read(&chunk)) status = file->Append(chunk);
    if (!status.ok()) context.TryCancel();
    *broken = stream->Finish();
    return status;
  }

  const std::string address_;
  const std::string artifact_id_;
  const std::unique_ptr<v1::ArtifactService::Stub> stub_;
};

}  // namespace

absl::Status DownloadArtifact(const std::string& address, const std::string& artifact_id, const std::string& folder) {
  Downloader downloader(address, artifact_id);
  ASSIGN_OR_RETURN(const v1::Artifact artifact, downloader.List());
  if (PathExists(folder)) return absl::AlreadyExistsError(absl::StrCat(folder, ": exists already"));
  RETURN_IF_ERROR(MakeFolders(folder));
  for (const v1::ArtifactFile& file : artifact.files()) {
    RETURN_IF_ERROR(downloader.Fetch(file.name(), file.sha256(), folder));
  }
  return downloader.Fetch(kManifestName, artifact.manifest_sha256(), folder);
}

}  // namespace seedbed
