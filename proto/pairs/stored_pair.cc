#include "proto/pairs/stored_pair.h"

#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/sha256.h"

namespace seedbed {
namespace {

constexpr absl::string_view kMagic = "seedbed pair 1\n";
constexpr size_t kChecksumBytes = 64;

}  // namespace

std::string FormatStoredPair(const v1::StoredPair& pair) {
  const std::string bytes = pair.SerializeAsString();
  return absl::StrCat(kMagic, Sha256Hex(bytes), "\n", bytes);
}

std::optional<v1::StoredPair> ParseStoredPair(absl::string_view file, const std::string& identity) {
  if (!absl::StartsWith(file, kMagic) || file.size() < kMagic.size() + kChecksumBytes + 1) return std::nullopt;
  const absl::string_view checksum = file.substr(kMagic.size(), kChecksumBytes);
  const absl::string_view bytes = file.substr(kMagic.size() + kChecksumBytes + 1);
  v1::StoredPair pair;
  if (Sha256Hex(bytes) != checksum || bytes.size() > std::numeric_limits<int>::max() ||
      !pair.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || pair.identity() != identity) {
    return std::nullopt;
  }
  return pair;
}

}  // namespace seedbed
