#include "sae/lm/weight_loader.h"

#include <ATen/ops/empty.h>

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/io/json_object.h"

namespace seedbed {
namespace {

constexpr char kWeights[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

absl::Status TensorError(const SafetensorsFile& file, const std::string& tensor, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(file.path(), ": tensor \"", tensor, "\" ", message));
}

// A shard lies in the folder itself, whatever an index from anywhere says.
bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

bool AllFinite(const float* values, int64_t count) {
  constexpr uint32_t kExponent = 0x7f800000u;  // All ones: an infinity or not a number.
  uint32_t broken = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    broken |= (bits & kExponent) == kExponent;
  }
  return broken == 0;
}

std::optional<at::ScalarType> ScalarTypeOf(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return at::kFloat;
    case TensorType::kF16:
      return at::kHalf;
    case TensorType::kBF16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

// Mapped bytes need not be aligned, so they are copied before LibTorch sees them.
void CopyAs(at::ScalarType type, const TensorView& view, const at::Tensor& out) {
  if (type == at::kFloat) {
    std::memcpy(out.data_ptr(), view.bytes.data(), view.bytes.size());
    return;
  }
  const at::Tensor raw = at::empty(out.sizes(), type);
  std::memcpy(raw.data_ptr(), view.bytes.data(), view.bytes.size());
  out.copy_(raw);
}

}  // namespace

absl::StatusOr<WeightLoader> WeightLoader::Open(const std::string& folder) {
  WeightLoader loader;
  loader.folder_ = folder;
  const std::string weights = JoinPath(folder, kWeights);
  if (PathExists(weights)) {
    ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(weights));
    loader.files_.emplace(kWeights, std::move(file));
    return loader;
  }
  loader.index_path_ = JoinPath(folder, kIndex);
  if (!PathExists(loader.index_path_)) {
    return absl::NotFoundError(absl::StrCat("model folder ", folder, ": has neither ", kWeights, " nor ", kIndex));
  }
  ASSIGN_OR_RETURN(const JsonObject index, JsonObject::ReadFrom(loader.index_path_));
  ASSIGN_OR_RETURN(loader.shards_, index.Strings("weight_map"));
  for (const auto& [tensor, shard] : loader.shards_) {
    if (IsPlainFileName(shard)) continue;
    return index.Error(absl::StrCat("weight_map.", tensor), "is not the name of a file in the same folder");
  }
  return loader;
}

absl::StatusOr<const SafetensorsFile*> WeightLoader::FileOf(const std::string& tensor) {
  if (index_path_.empty()) return &files_.begin()->second;
  const auto shard = shards_.find(tensor);
  if (shard == shards_.end()) {
    return absl::NotFoundError(absl::StrCat(index_path_, ": weight_map has no tensor \"", tensor, "\""));
  }
  auto file = files_.find(shard->second);
  if (file == files_.end()) {
    ASSIGN_OR_RETURN(SafetensorsFile opened, SafetensorsFile::Open(JoinPath(folder_, shard->second)));
    file = files_.emplace(shard->second, std::move(opened)).first;
  }
  return &file->second;
}

absl::StatusOr<WeightLoader::Source> WeightLoader::Find(const std::string& name, const std::vector<int64_t>& shape) {
  ASSIGN_OR_RETURN(const SafetensorsFile* file, FileOf(name));
  ASSIGN_OR_RETURN(TensorView view, file->Find(name));
  if (view.shape != shape) {
    return TensorError(*file, name,
                       absl::StrCat("has the shape [", absl::StrJoin(view.shape, ", "), "], but config.json makes it [",
                                    absl::StrJoin(shape, ", "), "]"));
  }
  if (!ScalarTypeOf(view.type).has_value()) {
    return TensorError(*file, name,
                       absl::StrCat("is of type ", TensorTypeName(view.type), ", allowed are F32, F16 and BF16"));
  }
  return Source{file, name, std::move(view)};
}

absl::Status WeightLoader::Read(const Source& source, const at::Tensor& out) {
  CopyAs(*ScalarTypeOf(source.view.type), source.view, out);
  if (AllFinite(out.const_data_ptr<float>(), out.numel())) return absl::OkStatus();
  return TensorError(*source.file, source.name, "holds a value that is NaN or infinite");
}

absl::StatusOr<at::Tensor> WeightLoader::Load(const std::string& name, const std::vector<int64_t>& shape) {
  ASSIGN_OR_RETURN(const Source source, Find(name, shape));
  at::Tensor tensor = at::empty(shape, at::kFloat);
  RETURN_IF_ERROR(Read(source, tensor));
  return tensor;
}

absl::StatusOr<at::Tensor> WeightLoader::LoadStacked(const std::vector<Block>& blocks, int64_t columns) {
  std::vector<Source> sources;
  int64_t rows = 0;
  for (const Block& block : blocks) {
    ASSIGN_OR_RETURN(Source source, Find(block.name, {block.rows, columns}));
    sources.push_back(std::move(source));
    rows += block.rows;
  }
  at::Tensor stacked = at::empty({rows, columns}, at::kFloat);
  int64_t row = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    RETURN_IF_ERROR(Read(sources[i], stacked.narrow(0, row, blocks[i].rows)));
    row += blocks[i].rows;
  }
  return stacked;
}

}  // namespace seedbed
