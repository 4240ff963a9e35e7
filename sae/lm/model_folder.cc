#include "sae/lm/model_folder.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/io/json_object.h"
#include "sae/lm/families/family.h"

namespace seedbed {
namespace {

constexpr size_t kMostConfigBytes = size_t{16} << 20;

// A folder that was saved from the base model alone names its tensors without the prefix.
DecoderTensors TensorsOf(const Family& family, const DecoderConfig& config, const WeightFiles& files) {
  DecoderTensors bare = family.tensors(config, "");
  if (files.tensors().count(bare.embedding) > 0) return bare;
  return family.tensors(config, std::string(family.base_prefix));
}

absl::Status CheckTensor(const ExpectedTensor& expected, const WeightFiles& files) {
  ASSIGN_OR_RETURN(const WeightFiles::Tensor tensor, files.Find(expected.name));
  if (tensor.view->shape != expected.shape) {
    return TensorError(*tensor.file, expected.name,
                       absl::StrCat("has the shape [", absl::StrJoin(tensor.view->shape, ", "),
                                    "], but config.json makes it [", absl::StrJoin(expected.shape, ", "), "]"));
  }
  const TensorType type = tensor.view->type;
  if (type == TensorType::kF32 || type == TensorType::kF16 || type == TensorType::kBF16) return absl::OkStatus();
  return TensorError(*tensor.file, expected.name,
                     absl::StrCat("is of type ", TensorTypeName(type), ", allowed are F32, F16 and BF16"));
}

// Sets `parameters`.
absl::Status CheckTensors(ModelFolder& folder) {
  std::set<std::string> known;
  for (const ExpectedTensor& expected : ExpectedTensors(folder.config, folder.tensors)) {
    RETURN_IF_ERROR(CheckTensor(expected, folder.files));
    folder.parameters += folder.files.tensors().at(expected.name).view->elements();
    known.insert(expected.name);
  }
  for (const auto& [name, tensor] : folder.files.tensors()) {
    if (known.count(name) > 0 || MayBeThere(folder.config, folder.tensors, name)) continue;
    return TensorError(*tensor.file, name,
                       absl::StrCat("is not one of a ", folder.config.model_type, " model as config.json has it"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelFolder> OpenModelFolder(const std::string& folder) {
  if (!PathExists(folder)) return absl::NotFoundError(absl::StrCat("model folder ", folder, ": does not exist"));
  const std::string config_path = JoinPath(folder, "config.json");
  ModelFolder opened;
  ASSIGN_OR_RETURN(opened.config_text, ReadFile(config_path, kMostConfigBytes));
  ASSIGN_OR_RETURN(const JsonObject json, JsonObject::Parse(opened.config_text, config_path));
  ASSIGN_OR_RETURN(const Family* family, FindFamily(json));
  ASSIGN_OR_RETURN(opened.config, family->parse_config(json));
  ASSIGN_OR_RETURN(opened.files, WeightFiles::Open(folder));
  opened.tensors = TensorsOf(*family, opened.config, opened.files);
  RETURN_IF_ERROR(CheckTensors(opened));
  return opened;
}

}  // namespace seedbed
