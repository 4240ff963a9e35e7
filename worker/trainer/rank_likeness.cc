#include "worker/trainer/rank_likeness.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

using Json = nlohmann::json;

std::string ValueOf(const Json& identity, const std::string& name) {
  return identity.contains(name) ? identity[name].get<std::string>() : "nothing";
}

absl::Status CompareWithRankZero(const Json& zero, const Json& other, size_t rank) {
  if (zero == other) return absl::OkStatus();
  Json names = zero;
  names.update(other);
  for (const auto& [name, value] : names.items()) {
    const std::string at_zero = ValueOf(zero, name);
    const std::string at_other = ValueOf(other, name);
    if (at_zero == at_other) continue;
    return absl::FailedPreconditionError(absl::StrCat("rank ", rank, " has ", name, " ", at_other, ", rank 0 has ",
                                                      at_zero, ": the ranks of a gang must read and compute the same"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRanksAlike(Collectives& collectives, const StreamIdentity& mine) {
  ASSIGN_OR_RETURN(const std::vector<std::string> all, collectives.AllGatherBytes(Json(mine).dump()));
  const Json zero = Json::parse(all[0]);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    RETURN_IF_ERROR(CompareWithRankZero(zero, Json::parse(all[rank]), rank));
  }
  return absl::OkStatus();
}

}  // namespace seedbed
