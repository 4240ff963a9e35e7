// The committed tiny Llama (tests/data/make_tiny_llama.py), and copies of it that a test changes.
#ifndef SEEDBED_TESTS_SAE_LM_MODEL_FOLDER_H_
#define SEEDBED_TESTS_SAE_LM_MODEL_FOLDER_H_

#include <map>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "sae/io/safetensors.h"
#include "tests/common/testing.h"

namespace seedbed {

inline constexpr char kTinyLlama[] = SEEDBED_TEST_DATA "/tiny_llama";

// Tensors of a safetensors file (F32 or I64) by name.
std::map<std::string, at::Tensor> ReadTensors(const std::string& path);

// As F32, F16, BF16 or F64, as their own type says.
void WriteTensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors);

// A model folder with the tiny Llama's config.json and weights, not yet written.
struct ModelFolder {
  ModelFolder();

  void WriteConfig() const;
  void WriteWeights() const { WriteTensors(folder.Path("model.safetensors"), weights); }
  std::string Write() const;  // Both; gives the folder's path.

  TempFolder folder;
  nlohmann::json config;
  std::map<std::string, at::Tensor> weights;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_LM_MODEL_FOLDER_H_
