// A language model up to the deepest hookpoint that is needed.
#ifndef SEEDBED_SAE_LM_LANGUAGE_MODEL_H_
#define SEEDBED_SAE_LM_LANGUAGE_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/lm/hookpoint.h"

namespace seedbed {

// Not thread-safe. LibTorch's exceptions (out of memory, a CUDA error) pass through Forward.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual int64_t d_model() const = 0;
  virtual int64_t layers() const = 0;           // Of the whole model, whatever was loaded.
  virtual int64_t vocabulary_size() const = 0;  // Rows of the embedding.

  // Runs `tokens` (int64 [batch, sequence], on the CPU, ids in [0, vocabulary_size)) and gives, for each hookpoint
  // passed to LoadLanguageModel and in that order, its activations: float32 [batch * sequence, d_model], row-major by
  // sequence then position, on the model's device. The same tokens in the same shape give the same bytes for the same
  // device type, thread count and LibTorch.
  virtual std::vector<at::Tensor> Forward(const at::Tensor& tokens) = 0;
};

// Reads a Hugging Face folder: config.json and model.safetensors or its sharded index. Loads only the layers that the
// hookpoints need, as float32. `device` is "cpu" or "cuda:N".
//
// INVALID_ARGUMENT or NOT_FOUND, naming the file and the field or tensor: a missing folder or file, a model_type that
// is not supported, a missing tensor, a shape that contradicts config.json, a damaged file; a hookpoint that the model
// does not have, with those that it has.
absl::StatusOr<std::unique_ptr<LanguageModel>> LoadLanguageModel(const std::string& folder,
                                                                 const std::vector<Hookpoint>& hookpoints,
                                                                 const std::string& device);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_LANGUAGE_MODEL_H_
