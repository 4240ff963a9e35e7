// Serves the files of registered artifacts.
#ifndef SEEDBED_SERVER_ARTIFACTS_ARTIFACT_SERVICE_H_
#define SEEDBED_SERVER_ARTIFACTS_ARTIFACT_SERVICE_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/sync_stream.h"
#include "seedbed/v1/artifact_service.grpc.pb.h"

namespace seedbed {

// Thread-safe. A transfer holds one of gRPC's threads for as long as it lasts, and one chunk of memory: what it waits
// for, disk and network, has no callbacks.
class ArtifactService final : public v1::ArtifactService::Service {
 public:
  // Thread-safe; gives NOT_FOUND for an id that nothing is registered under.
  using Find = std::function<absl::StatusOr<v1::Artifact>(const std::string& id)>;

  explicit ArtifactService(Find find) : find_(std::move(find)) {}

  grpc::Status ListArtifact(grpc::ServerContext* context, const v1::ListArtifactRequest* request,
                            v1::ListArtifactResponse* response) override;
  grpc::Status GetArtifact(grpc::ServerContext* context, const v1::GetArtifactRequest* request,
                           grpc::ServerWriter<v1::GetArtifactResponse>* writer) override;

 private:
  absl::StatusOr<v1::Artifact> FindArtifact(const std::string& id) const;
  absl::Status Send(const v1::GetArtifactRequest& request, grpc::ServerWriter<v1::GetArtifactResponse>& writer) const;

  const Find find_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_ARTIFACTS_ARTIFACT_SERVICE_H_
