#include "sae/lm/weight_files.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr char kWeights[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

// A shard lies in the folder itself, whatever an index from anywhere says.
bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

}  // namespace

absl::StatusOr<WeightFiles> WeightFiles::Open(const std::string& folder) {
  WeightFiles files;
  files.folder_ = folder;
  files.table_ = JoinPath(folder, kWeights);
  if (PathExists(files.table_)) {
    RETURN_IF_ERROR(files.AddFile(kWeights));
    return files;
  }
  files.table_ = JoinPath(folder, kIndex);
  if (!PathExists(files.table_)) {
    return absl::NotFoundError(absl::StrCat("model folder ", folder, ": has neither ", kWeights, " nor ", kIndex));
  }
  ASSIGN_OR_RETURN(const JsonObject index, JsonObject::ReadFrom(files.table_));
  RETURN_IF_ERROR(files.AddShards(index));
  return files;
}

absl::Status WeightFiles::AddShards(const JsonObject& index) {
  ASSIGN_OR_RETURN(const auto weight_map, index.Strings("weight_map"));
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : weight_map) {
    if (!IsPlainFileName(shard)) {
      return index.Error(absl::StrCat("weight_map.", tensor), "is not the name of a file in the same folder");
    }
    shards.insert(shard);
  }
  for (const std::string& shard : shards) RETURN_IF_ERROR(AddFile(shard));
  return CheckIndex(weight_map, index);
}

absl::Status WeightFiles::CheckIndex(const std::map<std::string, std::string>& weight_map,
                                     const JsonObject& index) const {
  for (const auto& [tensor, shard] : weight_map) {
    RETURN_IF_ERROR(files_.at(shard).Find(tensor).status());
  }
  for (const auto& [name, tensor] : tensors_) {
    if (weight_map.count(name) > 0) continue;
    return TensorError(*tensor.file, name, absl::StrCat("is not in ", index.source()));
  }
  return absl::OkStatus();
}

absl::Status WeightFiles::AddFile(const std::string& name) {
  ASSIGN_OR_RETURN(SafetensorsFile opened, SafetensorsFile::Open(JoinPath(folder_, name)));
  const SafetensorsFile& file = files_.emplace(name, std::move(opened)).first->second;
  for (const auto& [tensor, view] : file.tensors()) {
    const auto [earlier, inserted] = tensors_.emplace(tensor, Tensor{&file, &view});
    if (!inserted) return TensorError(file, tensor, absl::StrCat("is also in ", earlier->second.file->path()));
  }
  return absl::OkStatus();
}

absl::StatusOr<WeightFiles::Tensor> WeightFiles::Find(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  return absl::NotFoundError(absl::StrCat(table_, ": has no tensor ", Quoted(name)));
}

absl::Status TensorError(const SafetensorsFile& file, const std::string& name, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(file.path(), ": tensor ", Quoted(name), " ", message));
}

}  // namespace seedbed
