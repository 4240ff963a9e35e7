#include "worker/agree/compared_dictionary.h"

#include <utility>

#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/manifest.h"
#include "sae/io/json_object.h"

namespace seedbed {

absl::StatusOr<ComparedDictionary> LoadComparedDictionary(const std::string& folder) {
  ASSIGN_OR_RETURN(const Dictionary dictionary, LoadDictionary(folder));
  ComparedDictionary compared;
  compared.path = folder;
  compared.rows = {dictionary.decoder_weight, dictionary.encoder_weight};
  const std::string path = JoinPath(folder, kManifestName);
  if (!PathExists(path)) return compared;
  ASSIGN_OR_RETURN(compared.manifest_sha256, Sha256OfFile(path));
  ASSIGN_OR_RETURN(const JsonObject manifest, JsonObject::ReadFrom(path));
  if (!manifest.Has("facts")) return compared;
  ASSIGN_OR_RETURN(const JsonObject facts, manifest.Object("facts"));
  ASSIGN_OR_RETURN(compared.facts, ReadRunFacts(facts));
  return compared;
}

}  // namespace seedbed
