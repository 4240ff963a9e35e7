// Which tensors a model's files hold, under which names and in which shapes. Plain data.
#ifndef SEEDBED_SAE_LM_TENSOR_TABLE_H_
#define SEEDBED_SAE_LM_TENSOR_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "sae/lm/decoder_config.h"

namespace seedbed {

// How a file lays out the matrix of a linear layer.
enum class MatrixLayout {
  kRows,     // [out, in]
  kColumns,  // [in, out], as transformers' Conv1D keeps it; of one module.
  kHeads,    // [out, in], the rows of each head beside each other: query, key, value of head 0, of head 1, ...
};

// A linear layer whose rows come from one or several modules, one beneath the other: "MODULE.weight", and "MODULE.bias"
// where it has a bias.
struct LinearTensors {
  struct Module {
    std::string name;
    int64_t rows = 0;
  };
  std::vector<Module> modules;
  int64_t columns = 0;
  bool bias = false;
  MatrixLayout layout = MatrixLayout::kRows;
};

// Norms are named by their module: "MODULE.weight", and "MODULE.bias" of a LayerNorm. Empty where the family has none.
struct LayerTensors {
  std::string attention_norm;
  LinearTensors attention_in;  // Queries, keys, values.
  std::string query_norm;
  std::string key_norm;
  LinearTensors attention_out;
  std::string attention_post_norm;
  std::string mlp_norm;
  LinearTensors mlp_in;  // Gate, up; or up alone.
  LinearTensors mlp_out;
  std::string mlp_post_norm;
};

struct DecoderTensors {
  std::string embedding;  // The whole name of a tensor [vocabulary_size, d_model].
  std::string positions;  // Of [context_length, d_model]; empty without learned positions.
  std::vector<LayerTensors> layers;
  std::string final_norm;
  std::string head;  // The whole name of [vocabulary_size, d_model]; there need not be one where it is tied.

  // Endings, from a dot on, of further tensors that transformers ignores: buffers of its older versions.
  std::vector<std::string> ignored_endings;
};

struct ExpectedTensor {
  std::string name;
  std::vector<int64_t> shape;
};

// Every tensor that a model's files must hold.
std::vector<ExpectedTensor> ExpectedTensors(const DecoderConfig& config, const DecoderTensors& tensors);

// Whether a tensor that is not expected may be there all the same.
bool MayBeThere(const DecoderConfig& config, const DecoderTensors& tensors, absl::string_view name);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_TENSOR_TABLE_H_
