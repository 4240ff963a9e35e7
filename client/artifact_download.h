// Artifacts from the service that has them (proto/seedbed/v1/artifact_service.proto).
#ifndef SEEDBED_CLIENT_ARTIFACT_DOWNLOAD_H_
#define SEEDBED_CLIENT_ARTIFACT_DOWNLOAD_H_

#include <string>

#include "absl/status/status.h"

namespace seedbed {

// Fetches all files of the artifact, and its manifest, into `folder`, which is made and must not exist. A transfer that
// is cut goes on from where it was, as long as it gets on. Every chunk and every file is compared with its checksum:
// DATA_LOSS, naming the file and both checksums, for one that differs. Otherwise what the service at `address`
// (HOST:PORT) answered, or as writing gives. What an error leaves in `folder` is not whole.
absl::Status DownloadArtifact(const std::string& address, const std::string& artifact_id, const std::string& folder);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_ARTIFACT_DOWNLOAD_H_
