// The committed tiny models (tests/data/make_tiny_models.py), and copies of them that a test changes.
#ifndef SEEDBED_TESTS_SAE_LM_TINY_MODEL_H_
#define SEEDBED_TESTS_SAE_LM_TINY_MODEL_H_

#include <map>
#include <string>

#include "ATen/core/Tensor.h"
#include "nlohmann/json.hpp"
#include "tests/common/testing.h"

namespace seedbed {

// Of every family and variant.
inline constexpr const char* kTinyModels[] = {"llama", "llama_linear", "llama_llama3",        "mistral", "qwen2",
                                              "qwen3", "gpt_neox",     "gpt_neox_sequential", "gpt2",    "gemma2"};

std::string TinyModelFolder(const std::string& name);

// Tensors of a safetensors file (F32 or I64) by name.
std::map<std::string, at::Tensor> ReadTensors(const std::string& path);

// As F32, F16, BF16 or F64, as their own type says.
void WriteTensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors);

// A model folder with a tiny model's config.json and weights, not yet written.
struct TinyModel {
  explicit TinyModel(const std::string& name = "llama");

  void WriteConfig() const;
  void WriteWeights() const { WriteTensors(folder.Path("model.safetensors"), weights); }
  std::string Write() const;  // Both; gives the folder's path.

  TempFolder folder;
  nlohmann::json config;
  std::map<std::string, at::Tensor> weights;
};

// Norm of the difference over the norm of what is expected.
double RelativeError(const at::Tensor& found, const at::Tensor& expected);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_LM_TINY_MODEL_H_
