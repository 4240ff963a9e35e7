#include "worker/daemon/rank_id.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace seedbed {

RankId RankId::Of(const v1::RankKey& key) { return {key.gang_id(), key.attempt(), key.rank()}; }

v1::RankKey RankId::ToKey() const {
  v1::RankKey key;
  key.set_gang_id(gang_id);
  key.set_attempt(attempt);
  key.set_rank(rank);
  return key;
}

std::string RankId::FileName() const { return absl::StrCat(gang_id, "-a", attempt, "-r", rank); }

absl::Status RankId::Check() const {
  constexpr size_t kLongest = 128;
  const bool characters_are_good = std::all_of(gang_id.begin(), gang_id.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
  if (gang_id.empty() || gang_id.size() > kLongest || gang_id[0] == '.' || !characters_are_good) {
    return absl::InvalidArgumentError(
        absl::StrCat("gang_id: found \"", gang_id.substr(0, kLongest),
                     "\"; 1..128 characters of [A-Za-z0-9._-] are allowed, no dot first"));
  }
  if (attempt < 0) return absl::InvalidArgumentError(absl::StrCat("attempt: is ", attempt, "; must be at least 0"));
  if (rank < 0) return absl::InvalidArgumentError(absl::StrCat("rank: is ", rank, "; must be at least 0"));
  return absl::OkStatus();
}

bool operator==(const RankId& a, const RankId& b) {
  return std::tie(a.gang_id, a.attempt, a.rank) == std::tie(b.gang_id, b.attempt, b.rank);
}

bool operator<(const RankId& a, const RankId& b) {
  return std::tie(a.gang_id, a.attempt, a.rank) < std::tie(b.gang_id, b.attempt, b.rank);
}

}  // namespace seedbed
