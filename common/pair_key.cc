#include "common/pair_key.h"

#include "absl/strings/str_cat.h"
#include "common/sha256.h"

namespace seedbed {

std::string PairIdentity(const std::string& content_a, const std::string& content_b) {
  return absl::StrCat("matching ", kMatchingVersion, "\na ", content_a, "\nb ", content_b, "\n");
}

std::string PairFileName(const std::string& identity) { return absl::StrCat(Sha256Hex(identity), ".pair"); }

}  // namespace seedbed
