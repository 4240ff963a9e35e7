#include "server/artifacts/artifact_service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/sha256.h"
#include "common/status.h"
#include "proto/rpc/status.h"
#include "server/artifacts/file_chunks.h"

namespace seedbed {
namespace {

constexpr char kManifestName[] = "manifest.json";

// The checksum that is registered for a file. NOT_FOUND for one that the artifact has not.
absl::StatusOr<std::string> RegisteredSha256(const v1::Artifact& artifact, const std::string& id,
                                             const std::string& name) {
  if (name == kManifestName) return artifact.manifest_sha256();
  const auto file = std::find_if(artifact.files().begin(), artifact.files().end(),
                                 [&](const v1::ArtifactFile& known) { return known.name() == name; });
  if (file != artifact.files().end()) return file->sha256();
  return absl::NotFoundError(absl::StrCat("artifact ", Quoted(id), ": has no file ", Quoted(name)));
}

}  // namespace

absl::StatusOr<v1::Artifact> ArtifactService::FindArtifact(const std::string& id) const {
  if (!id.empty()) return find_(id);
  return FieldViolationsError({{"artifact_id", "is empty; the id of a run or of an artifact is needed"}});
}

grpc::Status ArtifactService::ListArtifact(grpc::ServerContext*, const v1::ListArtifactRequest* request,
                                           v1::ListArtifactResponse* response) {
  absl::StatusOr<v1::Artifact> artifact = FindArtifact(request->artifact_id());
  if (artifact.ok()) *response->mutable_artifact() = *std::move(artifact);
  return ToGrpcStatus(artifact.status());
}

grpc::Status ArtifactService::GetArtifact(grpc::ServerContext*, const v1::GetArtifactRequest* request,
                                          grpc::ServerWriter<v1::GetArtifactResponse>* writer) {
  return ToGrpcStatus(Send(*request, *writer));
}

absl::Status ArtifactService::Send(const v1::GetArtifactRequest& request,
                                   grpc::ServerWriter<v1::GetArtifactResponse>& writer) const {
  if (request.offset() < 0) {
    return FieldViolationsError({{"offset", absl::StrCat("is ", request.offset(), "; must be 0 or more")}});
  }
  ASSIGN_OR_RETURN(const v1::Artifact artifact, FindArtifact(request.artifact_id()));
  ASSIGN_OR_RETURN(const std::string registered, RegisteredSha256(artifact, request.artifact_id(), request.name()));
  ASSIGN_OR_RETURN(FileChunks file, FileChunks::Open(artifact.path(), request.name()));
  RETURN_IF_ERROR(file.Skip(request.offset()));
  v1::GetArtifactResponse response;
  for (int64_t offset = request.offset();;) {
    ASSIGN_OR_RETURN(*response.mutable_data(), file.Next());
    if (response.data().empty()) break;
    response.set_offset(offset);
    response.set_sha256(Sha256Hex(response.data()));
    if (!writer.Write(response)) return absl::CancelledError("the reader went away");
    offset += static_cast<int64_t>(response.data().size());
  }
  const std::string found = file.Finish();
  if (found == registered) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(JoinPath(artifact.path(), request.name()), ": has SHA-256 ", found,
                                          ", but was registered with ", registered));
}

}  // namespace seedbed
