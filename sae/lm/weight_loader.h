// A Hugging Face folder's weights as float32 tensors, from one safetensors file or the shards that an index names.
#ifndef SEEDBED_SAE_LM_WEIGHT_LOADER_H_
#define SEEDBED_SAE_LM_WEIGHT_LOADER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/io/safetensors.h"

namespace seedbed {

// Opens shards as they are needed. Not thread-safe.
class WeightLoader {
 public:
  // model.safetensors, or else model.safetensors.index.json. NOT_FOUND when there is neither.
  static absl::StatusOr<WeightLoader> Open(const std::string& folder);

  // A new float32 tensor on the CPU, from one of that shape that is F32, F16 or BF16 on disk. NOT_FOUND for a tensor or
  // shard that is missing; INVALID_ARGUMENT, naming file and tensor, for a damaged file, another shape or type, and a
  // value that is not finite. Nothing of the wanted size is allocated before the file has proved to hold it.
  absl::StatusOr<at::Tensor> Load(const std::string& name, const std::vector<int64_t>& shape);

  struct Block {
    std::string name;
    int64_t rows = 0;
  };
  // The same for matrices [rows, columns] of equal `columns`: one tensor with all their rows, in the order of `blocks`.
  absl::StatusOr<at::Tensor> LoadStacked(const std::vector<Block>& blocks, int64_t columns);

 private:
  struct Source {
    const SafetensorsFile* file;
    std::string name;
    TensorView view;
  };

  absl::StatusOr<const SafetensorsFile*> FileOf(const std::string& tensor);
  // The tensor on disk, its shape and type checked.
  absl::StatusOr<Source> Find(const std::string& name, const std::vector<int64_t>& shape);
  // `out`: float32, contiguous, of that shape.
  static absl::Status Read(const Source& source, const at::Tensor& out);

  std::string folder_;
  std::string index_path_;                        // Empty without an index.
  std::map<std::string, std::string> shards_;     // Tensor -> file name, from the index.
  std::map<std::string, SafetensorsFile> files_;  // By file name, those opened so far.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_WEIGHT_LOADER_H_
