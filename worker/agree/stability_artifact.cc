#include "worker/agree/stability_artifact.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/manifest.h"
#include "worker/agree/tables.h"

namespace seedbed {
namespace {

std::string ManifestText(const v1::Artifact& artifact) {
  nlohmann::json manifest = {{"format", "seedbed-stability/1"}, {"files", nlohmann::json::array()}};
  for (const v1::ArtifactFile& file : artifact.files()) {
    manifest["files"].push_back({{"name", file.name()}, {"bytes", file.bytes()}, {"sha256", file.sha256()}});
  }
  return manifest.dump(2) + "\n";
}

}  // namespace

absl::StatusOr<v1::Artifact> WriteStabilityArtifact(const Comparison& comparison, double threshold,
                                                    const std::string& folder) {
  const std::string staged = folder + ".tmp";
  RETURN_IF_ERROR(RemoveAll(staged));
  const absl::Cleanup remove_staged = [&staged] { RemoveAll(staged).IgnoreError(); };
  RETURN_IF_ERROR(MakeFolders(staged));
  v1::Artifact artifact;
  artifact.set_path(folder);
  for (int64_t i = 0; i < comparison.siblings.dictionaries(); ++i) {
    const std::string table = StabilityTable(comparison, i, threshold);
    v1::ArtifactFile* file = artifact.add_files();
    file->set_name(StabilityTableName(i));
    file->set_bytes(static_cast<int64_t>(table.size()));
    file->set_sha256(Sha256Hex(table));
    RETURN_IF_ERROR(WriteFileDurably(JoinPath(staged, file->name()), table));
  }
  const std::string manifest = ManifestText(artifact);
  artifact.set_manifest_sha256(Sha256Hex(manifest));
  RETURN_IF_ERROR(WriteFileDurably(JoinPath(staged, kManifestName), manifest));
  RETURN_IF_ERROR(CommitFolder(staged, folder));
  return artifact;
}

}  // namespace seedbed
