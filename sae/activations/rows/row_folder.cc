#include "sae/activations/rows/row_folder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/status.h"
#include "sae/activations/rows/row_values.h"

namespace seedbed {
namespace {

constexpr int64_t kValuesAtOnce = 1 << 16;
constexpr size_t kMostTensorsNamed = 8;

std::string TensorText(const std::string& name, const TensorView& tensor) {
  return absl::StrCat(Quoted(name), " ", TensorTypeName(tensor.type), " [", absl::StrJoin(tensor.shape, ", "), "]");
}

// "no tensors", or them with type and shape, the first few at the most.
std::string TensorsText(const SafetensorsFile& file) {
  if (file.tensors().empty()) return "no tensors";
  std::vector<std::string> texts;
  for (const auto& [name, tensor] : file.tensors()) {
    if (texts.size() == kMostTensorsNamed) break;
    texts.push_back(TensorText(name, tensor));
  }
  const bool all = texts.size() == file.tensors().size();
  return absl::StrCat(absl::StrJoin(texts, ", "),
                      all ? "" : absl::StrCat(" and others, ", file.tensors().size(), " in all"));
}

absl::StatusOr<TensorView> OnlyMatrix(const SafetensorsFile& file) {
  const TensorView* matrix = nullptr;
  int matrices = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    if (tensor.shape.size() != 2) continue;
    matrix = &tensor;
    ++matrices;
  }
  if (matrices != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.path(), ": has ", TensorsText(file), "; exactly one two-dimensional tensor is needed"));
  }
  if (!IsRowType(matrix->type) || matrix->shape[1] == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.path(), ": has ", TensorsText(file), "; F32, BF16 or F16 [rows, width] is needed"));
  }
  return *matrix;
}

absl::Status CheckSameFormat(const RowShard& shard, const RowShard& first) {
  if (shard.format().width != first.format().width) {
    return absl::InvalidArgumentError(absl::StrCat(shard.path(), ": has rows of ", shard.format().width, " values, ",
                                                   first.path(), " of ", first.format().width,
                                                   "; all files of a folder must agree"));
  }
  if (shard.format().type != first.format().type) {
    return absl::InvalidArgumentError(absl::StrCat(shard.path(), ": holds ", TensorTypeName(shard.format().type), ", ",
                                                   first.path(), " ", TensorTypeName(first.format().type),
                                                   "; all files of a folder must agree"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RowShard>> OpenShards(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(folder));
  std::vector<RowShard> shards;
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".safetensors")) continue;
    ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(JoinPath(folder, name)));
    ASSIGN_OR_RETURN(const TensorView matrix, OnlyMatrix(file));
    ASSIGN_OR_RETURN(RowShard shard, RowShard::Open(file.path(), matrix));
    shards.push_back(std::move(shard));
    RETURN_IF_ERROR(CheckSameFormat(shards.back(), shards.front()));
  }
  if (shards.empty()) return absl::NotFoundError(absl::StrCat(folder, ": has no file *.safetensors"));
  return shards;
}

// Whether all bits of an exponent are set is seen without a branch, and so for eight values at once.
bool AllFinite(const std::vector<float>& values, int64_t count) {
  constexpr uint32_t kExponent = 0x7F80'0000;
  uint32_t found = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, &values[i], sizeof bits);
    found |= static_cast<uint32_t>((bits & kExponent) == kExponent);
  }
  return found == 0;
}

absl::Status CheckFiniteShard(const RowShard& shard) {
  const RowFormat& format = shard.format();
  const int64_t rows_at_once = std::max<int64_t>(1, kValuesAtOnce / format.width);
  const RowStore rows({shard}, format);
  std::vector<float> values(static_cast<size_t>(rows_at_once * format.width));
  for (int64_t first = 0; first < shard.rows(); first += rows_at_once) {
    const int64_t count = std::min(rows_at_once, shard.rows() - first) * format.width;
    RETURN_IF_ERROR(rows.CopyRows(first, count / format.width, 1, values.data()));
    if (AllFinite(values, count)) continue;
    const int64_t at =
        std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); }) - values.begin();
    return absl::InvalidArgumentError(absl::StrCat(shard.path(), ": row ", first + at / format.width, ", column ",
                                                   at % format.width, " is ", values[at],
                                                   "; activations must be finite"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RowStore> OpenRowFolder(const std::string& folder, std::optional<int64_t> width) {
  ASSIGN_OR_RETURN(std::vector<RowShard> shards, OpenShards(folder));
  const RowFormat format = shards.front().format();
  if (width && format.width != *width) {
    return absl::InvalidArgumentError(absl::StrCat(shards.front().path(), ": has rows of ", format.width,
                                                   " values; the language model's have ", *width));
  }
  RowStore rows(std::move(shards), format);
  if (rows.rows() == 0) return absl::InvalidArgumentError(absl::StrCat(folder, ": its files hold no row"));
  return rows;
}

absl::Status CheckFinite(const RowStore& rows) {
  for (const RowShard& shard : rows.shards()) RETURN_IF_ERROR(CheckFiniteShard(shard));
  return absl::OkStatus();
}

}  // namespace seedbed
