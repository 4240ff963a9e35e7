// A language model up to the deepest hookpoint that is needed, or with its head.
#ifndef SEEDBED_SAE_LM_LANGUAGE_MODEL_H_
#define SEEDBED_SAE_LM_LANGUAGE_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "c10/core/ScalarType.h"
#include "sae/lm/hookpoint.h"
#include "sae/lm/paused_forward.h"

namespace seedbed {

// Not thread-safe. `tokens` is int64 [batch, sequence], on the CPU, ids in [0, vocabulary_size), sequence at most
// context_length. The same tokens in the same shape give the same bytes for the same device type, thread count and
// LibTorch. LibTorch's exceptions (out of memory, a CUDA error) pass through.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual int64_t d_model() const = 0;
  virtual int64_t layers() const = 0;           // Of the whole model, whatever was loaded.
  virtual int64_t vocabulary_size() const = 0;  // Rows of the embedding.
  virtual int64_t context_length() const = 0;   // Tokens in the longest sequence; 0 = config.json sets no limit.
  virtual at::ScalarType dtype() const = 0;     // That it computes in: float32 or bfloat16.
  virtual const std::vector<Hookpoint>& hookpoints() const = 0;  // As they were passed to LoadLanguageModel.

  // For each of hookpoints() and in that order, its activations: [batch * sequence, d_model] in
  // dtype(), row-major by sequence then position, on the model's device.
  virtual std::vector<at::Tensor> Forward(const at::Tensor& tokens) = 0;

  // Of a model loaded with its head. Logits: float32 [batch, sequence, vocabulary_size], on the model's device.
  virtual at::Tensor Logits(const at::Tensor& tokens) = 0;

  // Of a model loaded with its head: -log p(token i + 1 | tokens 0..i) in nats, float32 [batch, sequence - 1], on the
  // model's device. Never holds the logits of more than one block of rows.
  virtual at::Tensor CrossEntropy(const at::Tensor& tokens) = 0;

  // Of a model loaded with its head, which outlives the pass: runs it up to the last of `hookpoints`, at least one of
  // hookpoints().
  virtual std::unique_ptr<PausedForward> PauseAt(const at::Tensor& tokens,
                                                 const std::vector<Hookpoint>& hookpoints) = 0;
};

struct LanguageModelOptions {
  std::string folder;                   // Hugging Face's: config.json and model.safetensors or its sharded index.
  std::vector<Hookpoint> hookpoints;    // At least one, unless with_head.
  std::string device = "cpu";           // Or "cuda:N".
  std::optional<at::ScalarType> dtype;  // float32 or bfloat16. Absent: bfloat16 on a GPU that has it, else float32.
  bool with_head = false;               // Load every layer and the head, so that Logits and the cross-entropies work.
};

// Loads only the layers that are needed. The tensors of the others must be there, in the shapes that config.json gives
// them; their values are not read.
//
// INVALID_ARGUMENT or NOT_FOUND, naming the file and the field or tensor: a missing folder or file, a model_type that
// is not supported, a tensor that is missing, doubled or unknown to the family, a shape that contradicts config.json, a
// value that is NaN or infinite, a damaged file; a hookpoint that the model does not have, with those that it has; a
// device that is not there; bfloat16 on a CPU that has no instructions for it (LibTorch's product was measured 100
// times slower there than in float32).
absl::StatusOr<std::unique_ptr<LanguageModel>> LoadLanguageModel(const LanguageModelOptions& options);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_LANGUAGE_MODEL_H_
