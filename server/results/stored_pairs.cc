#include "server/results/stored_pairs.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/pair_key.h"
#include "common/status.h"
#include "proto/pairs/stored_pair.h"

namespace seedbed {
namespace {

std::string IdentityOf(const v1::Agreement& request, int a, int b) {
  return PairIdentity(request.dictionaries(a).manifest_sha256(), request.dictionaries(b).manifest_sha256());
}

std::string PathOf(const std::string& pair_folder, const std::string& identity) {
  return JoinPath(pair_folder, PairFileName(identity));
}

}  // namespace

bool PairIsStored(const std::string& pair_folder, const v1::Agreement& request, int a, int b) {
  if (request.dictionaries(a).manifest_sha256().empty() || request.dictionaries(b).manifest_sha256().empty()) {
    return false;
  }
  return PathExists(PathOf(pair_folder, IdentityOf(request, a, b)));
}

v1::AgreementProgress ProgressOf(const std::string& pair_folder, const v1::Agreement& request) {
  v1::AgreementProgress progress;
  progress.set_sibling_set_id(request.sibling_set_id());
  int done = 0;
  int total = 0;
  for (int a = 0; a < request.dictionaries_size(); ++a) {
    for (int b = a + 1; b < request.dictionaries_size(); ++b) {
      done += PairIsStored(pair_folder, request, a, b) ? 1 : 0;
      ++total;
    }
  }
  progress.set_pairs_done(done);
  progress.set_pairs_total(total);
  return progress;
}

absl::StatusOr<v1::StoredPair> ReadStoredPair(const std::string& pair_folder, const v1::Agreement& request, int a,
                                              int b) {
  const std::string identity = IdentityOf(request, a, b);
  const std::string path = PathOf(pair_folder, identity);
  const absl::StatusOr<std::string> file = ReadFile(path);
  if (absl::IsNotFound(file.status())) {
    return absl::DataLossError(absl::StrCat(path, ": the matching of this pair is gone"));
  }
  RETURN_IF_ERROR(file.status());
  std::optional<v1::StoredPair> pair = ParseStoredPair(*file, identity);
  if (!pair.has_value()) return absl::DataLossError(absl::StrCat(path, ": the stored matching is damaged"));
  return *std::move(pair);
}

}  // namespace seedbed
