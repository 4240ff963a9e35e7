// Encodes and reconstructs given rows with a dictionary's folder and writes both as safetensors.
// tests/parity/export_in_peers.py compares them with other libraries'.
#include <algorithm>
#include <string>
#include <vector>

#include "ATen/ops/empty.h"
#include "ATen/ops/zeros.h"
#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/inference/encoder.h"
#include "sae/io/safetensors.h"
#include "worker/tool/tool_main.h"

namespace seedbed {
namespace {

struct Options {
  std::string folder;
  std::string rows;
  std::string out;
};

// The tensor "x" (F32 [rows, d_in]) of a safetensors file.
absl::StatusOr<at::Tensor> ReadRows(const std::string& path) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  ASSIGN_OR_RETURN(const TensorView view, file.Find("x"));
  if (view.type != TensorType::kF32 || view.shape.size() != 2) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": tensor \"x\" is not F32 [rows, d_in]"));
  }
  at::Tensor rows = at::empty(view.shape, at::kFloat);
  std::copy(view.bytes.begin(), view.bytes.end(), static_cast<char*>(rows.mutable_data_ptr()));
  return rows;
}

at::Tensor ToDense(const SparseActivations& activations, int64_t latents) {
  at::Tensor dense = at::zeros({activations.rows(), latents});
  float* values = dense.mutable_data_ptr<float>();
  for (int64_t r = 0; r < activations.rows(); ++r) {
    for (int64_t i = activations.starts[r]; i < activations.starts[r + 1]; ++i) {
      values[r * latents + activations.latents[i]] = activations.values[i];
    }
  }
  return dense;
}

TensorToWrite View(const std::string& name, const at::Tensor& tensor) {
  return {name, TensorType::kF32, tensor.sizes().vec(),
          absl::string_view(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes())};
}

absl::Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const Dictionary dictionary, LoadDictionary(options.folder));
  ASSIGN_OR_RETURN(const at::Tensor x, ReadRows(options.rows));
  ASSIGN_OR_RETURN(const SparseActivations activations, Encode(dictionary, x));
  ASSIGN_OR_RETURN(const at::Tensor x_hat, Decode(dictionary, activations, x));
  const at::Tensor dense = ToDense(activations, dictionary.latents());
  return WriteSafetensors(options.out, {View("activations", dense), View("x_hat", x_hat)}, {});
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Activations and reconstructions of a dictionary", "encode_dictionary");
  app.add_option("FOLDER", options.folder, "Of the dictionary")->required();
  app.add_option("ROWS", options.rows, "safetensors file with \"x\", F32 [rows, d_in]")->required();
  app.add_option("OUT", options.out, "safetensors file to write: activations [rows, n] and x_hat [rows, d_out]")
      ->required();
  return RunTool(app, argc, argv, [&options] { return Run(options); });
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) { return seedbed::Main(argc, argv); }
