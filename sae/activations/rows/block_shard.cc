#include "sae/activations/rows/block_shard.h"

#include <xxhash.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/quoted.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr char kTensor[] = "activations";
constexpr char kChecksum[] = "xxh3_128";
constexpr int64_t kBytesAtOnce = 1 << 20;

using Metadata = std::map<std::string, std::string>;

Metadata MetadataOf(const BlockShardId& id) {
  return {{"stream_key", id.stream_key}, {"hookpoint", id.hookpoint}, {"block", absl::StrCat(id.block)}};
}

std::string ChecksumText(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest));
}

absl::StatusOr<std::string> ChecksumOf(const RowShard& shard) {
  const auto value_bytes = static_cast<int64_t>(TensorTypeBytes(shard.format().type));
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  const int64_t values = shard.rows() * shard.format().width;
  std::vector<char> buffer(static_cast<size_t>(kBytesAtOnce));
  for (int64_t done = 0; done < values;) {
    const int64_t count = std::min(kBytesAtOnce / value_bytes, values - done);
    RETURN_IF_ERROR(shard.Read(done, count, buffer.data()));
    XXH3_128bits_update(state.get(), buffer.data(), static_cast<size_t>(count * value_bytes));
    done += count;
  }
  return ChecksumText(XXH3_128bits_digest(state.get()));
}

// Errors don't name the file.
absl::Status CheckMetadata(const Metadata& found, const BlockShardId& id) {
  for (const auto& [field, wanted] : MetadataOf(id)) {
    const auto entry = found.find(field);
    if (entry == found.end()) {
      return absl::InvalidArgumentError(absl::StrCat("lacks the metadata \"", field, "\""));
    }
    if (entry->second != wanted) {
      return absl::InvalidArgumentError(
          absl::StrCat("is of ", field, " ", Quoted(entry->second), ", not \"", wanted, "\""));
    }
  }
  if (found.count(kChecksum) == 0)
    return absl::InvalidArgumentError(absl::StrCat("lacks the metadata \"", kChecksum, "\""));
  return absl::OkStatus();
}

absl::Status CheckTensors(const std::map<std::string, TensorView>& tensors, RowFormat format,
                          std::optional<int64_t> count) {
  if (tensors.size() != 1 || tensors.begin()->first != kTensor) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", tensors.size(), " tensors, only one named \"", kTensor, "\" is allowed"));
  }
  const TensorView& rows = tensors.begin()->second;
  if (rows.type != format.type || rows.shape.size() != 2 || rows.shape[1] != format.width ||
      rows.shape[0] != count.value_or(rows.shape[0])) {
    return absl::InvalidArgumentError(absl::StrCat(
        "holds ", TensorTypeName(rows.type), " [", absl::StrJoin(rows.shape, ", "), "], ", TensorTypeName(format.type),
        " [", count ? absl::StrCat(*count) : "rows", ", ", format.width, "] is needed"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string BlockShardName(int64_t block) { return absl::StrFormat("block-%06d.safetensors", block); }

absl::StatusOr<std::string> BlockShardPrefix(const BlockShardId& id, RowFormat format, absl::string_view rows) {
  Metadata metadata = MetadataOf(id);
  metadata[kChecksum] = ChecksumText(XXH3_128bits(rows.data(), rows.size()));
  const int64_t count = static_cast<int64_t>(rows.size()) / format.row_bytes();
  return SafetensorsPrefix({{kTensor, format.type, {count, format.width}, rows}}, metadata);
}

absl::StatusOr<RowShard> OpenBlockShard(const std::string& path, const BlockShardId& id, RowFormat format,
                                        std::optional<int64_t> rows_needed) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  absl::Status checked = CheckMetadata(file.metadata(), id);
  if (checked.ok()) checked = CheckTensors(file.tensors(), format, rows_needed);
  if (!checked.ok()) return Annotate(checked, path);
  ASSIGN_OR_RETURN(const RowShard rows, RowShard::Open(path, file.tensors().at(kTensor)));
  ASSIGN_OR_RETURN(const std::string checksum, ChecksumOf(rows));
  const std::string& stated = file.metadata().at(kChecksum);
  if (checksum == stated) return rows;
  return absl::DataLossError(absl::StrCat(path, ": is damaged: its rows have the checksum ", checksum,
                                          ", the header states ", Quoted(stated)));
}

}  // namespace seedbed
