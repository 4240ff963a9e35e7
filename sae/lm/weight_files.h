// A Hugging Face folder's weights on disk: model.safetensors, or the shards that model.safetensors.index.json names.
#ifndef SEEDBED_SAE_LM_WEIGHT_FILES_H_
#define SEEDBED_SAE_LM_WEIGHT_FILES_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/io/json_object.h"
#include "sae/io/safetensors.h"

namespace seedbed {

// All files are mapped and their headers read; values are read when they are looked at. Movable; thread-safe after
// Open.
class WeightFiles {
 public:
  struct Tensor {
    const SafetensorsFile* file = nullptr;
    const TensorView* view = nullptr;
  };

  // NOT_FOUND when there is neither, or no such shard. INVALID_ARGUMENT, naming file and tensor: a damaged file, a
  // shard outside the folder, a tensor that the index places in a shard without it, that two shards hold, or that a
  // shard holds and the index does not name.
  static absl::StatusOr<WeightFiles> Open(const std::string& folder);

  // By name.
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  const std::map<std::string, SafetensorsFile>& files() const { return files_; }

  // NOT_FOUND, naming the tensor and the file that should name it.
  absl::StatusOr<Tensor> Find(const std::string& name) const;

 private:
  absl::Status AddShards(const JsonObject& index);
  absl::Status CheckIndex(const std::map<std::string, std::string>& weight_map, const JsonObject& index) const;
  absl::Status AddFile(const std::string& name);

  std::string folder_;
  std::string table_;  // The path of what names all tensors: the index, or the one file.
  std::map<std::string, SafetensorsFile> files_;
  std::map<std::string, Tensor> tensors_;
};

// INVALID_ARGUMENT: "FILE: tensor "NAME" MESSAGE".
absl::Status TensorError(const SafetensorsFile& file, const std::string& name, absl::string_view message);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_WEIGHT_FILES_H_
