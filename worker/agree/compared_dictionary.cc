#include "worker/agree/compared_dictionary.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "sae/checkpoint/manifest.h"
#include "sae/io/json_object.h"
#include "worker/agree/firing_frequency.h"

namespace seedbed {
namespace {

std::string Sha256OfRows(const Dictionary& dictionary) {
  Sha256 sha256;
  for (const at::Tensor& tensor : {dictionary.encoder_weight, dictionary.decoder_weight}) {
    sha256.Update(absl::StrCat("rows ", tensor.size(0), " ", tensor.size(1), "\n"));
    sha256.Update({static_cast<const char*>(tensor.const_data_ptr()), static_cast<size_t>(tensor.nbytes())});
  }
  return sha256.Finish();
}

absl::Status ReadManifest(const std::string& path, ComparedDictionary* compared) {
  ASSIGN_OR_RETURN(compared->manifest_sha256, Sha256OfFile(path));
  ASSIGN_OR_RETURN(const JsonObject manifest, JsonObject::ReadFrom(path));
  if (!manifest.Has("facts")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const JsonObject facts, manifest.Object("facts"));
  ASSIGN_OR_RETURN(compared->facts, ReadRunFacts(facts));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ComparedDictionary> DescribeDictionary(const std::string& folder, const Dictionary& dictionary) {
  ComparedDictionary compared;
  compared.path = folder;
  compared.architecture = dictionary.architecture;
  compared.latents = dictionary.latents();
  compared.d_in = dictionary.d_in();
  compared.d_out = dictionary.d_out();
  const std::string manifest = JoinPath(folder, kManifestName);
  if (PathExists(manifest)) RETURN_IF_ERROR(ReadManifest(manifest, &compared));
  compared.identity = compared.manifest_sha256.empty() ? Sha256OfRows(dictionary) : compared.manifest_sha256;
  const std::string frequency = JoinPath(folder, kFiringFrequencyName);
  if (PathExists(frequency)) {
    ASSIGN_OR_RETURN(compared.firing_frequency, ReadFiringFrequency(frequency, compared.latents));
  }
  return compared;
}

}  // namespace seedbed
