// Runs Seedbed's language model over given tokens and writes its activations, logits and cross-entropies, also with
// activations replaced, as safetensors. tests/parity/lm_parity.py compares them with transformers'.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linspace.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/io/safetensors.h"
#include "sae/lm/language_model.h"
#include "sae/lm/model_inspection.h"

namespace seedbed {
namespace {

struct Options {
  std::string model;
  std::string tokens;
  std::string out;
  std::vector<std::string> hookpoints;
  std::string device = "cpu";
  int threads = 2;
  bool head = false;
};

// The tensor "tokens" (I64 [batch, sequence]) of a safetensors file.
absl::StatusOr<at::Tensor> ReadTokens(const std::string& path) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  ASSIGN_OR_RETURN(const TensorView view, file.Find("tokens"));
  if (view.type != TensorType::kI64 || view.shape.size() != 2) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": tensor \"tokens\" is not I64 [batch, sequence]"));
  }
  at::Tensor tokens = at::empty(view.shape, at::kLong);
  std::memcpy(tokens.data_ptr(), view.bytes.data(), view.bytes.size());
  return tokens;
}

// As lm_reference.replaced.
at::Tensor Replaced(const at::Tensor& rows) {
  return rows * 0.5 + at::linspace(-0.5, 0.5, rows.size(1), rows.options());
}

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

absl::Status Write(const std::string& path, NamedTensors tensors) {
  std::vector<TensorToWrite> written;
  for (auto& [name, tensor] : tensors) {
    tensor = tensor.cpu().to(at::kFloat).contiguous();
    written.push_back({name, TensorType::kF32, tensor.sizes().vec(),
                       absl::string_view(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes())});
  }
  return WriteSafetensors(path, std::move(written), {});
}

absl::Status Run(const Options& options) {
  at::set_num_threads(options.threads);
  ASSIGN_OR_RETURN(const ModelFacts facts, InspectModel(options.model));
  ASSIGN_OR_RETURN(const std::vector<Hookpoint> hookpoints, ResolveHookpoints(facts, options.hookpoints));
  ASSIGN_OR_RETURN(const at::Tensor tokens, ReadTokens(options.tokens));
  ASSIGN_OR_RETURN(const auto model,
                   LoadLanguageModel({options.model, hookpoints, options.device, at::kFloat, options.head}));
  const std::vector<at::Tensor> activations = model->Forward(tokens);
  NamedTensors named;
  for (size_t i = 0; i < hookpoints.size(); ++i) named.emplace_back(hookpoints[i].ToString(), activations[i]);
  if (options.head) {
    named.emplace_back("logits", model->Logits(tokens));
    named.emplace_back("cross_entropy", model->CrossEntropy(tokens));
    for (const Hookpoint& hookpoint : hookpoints) {
      const std::unique_ptr<PausedForward> paused = model->PauseAt(tokens, {hookpoint});
      named.emplace_back("cross_entropy." + hookpoint.ToString(),
                         paused->CrossEntropyWith(Replaced(paused->activations().front())));
    }
  }
  return Write(options.out, std::move(named));
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) {
  seedbed::Options options;
  CLI::App app("Activations of a language model at hookpoints");
  app.add_option("--model", options.model, "a Hugging Face folder")->required();
  app.add_option("--tokens", options.tokens, "safetensors file with \"tokens\", I64 [batch, sequence]")->required();
  app.add_option("--hookpoints", options.hookpoints, "such as layers.9,layers.*.mlp")->required()->delimiter(',');
  app.add_option("--out", options.out, "safetensors file to write: one tensor a hookpoint")->required();
  app.add_flag("--head", options.head,
               "also write logits, cross_entropy and, with its activations replaced, cross_entropy.HOOKPOINT");
  app.add_option("--device", options.device, "cpu or cuda:N");
  app.add_option("--threads", options.threads, "threads of LibTorch");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = seedbed::Run(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "lm_activations: %s\n", std::string(status.message()).c_str());
  return 1;
}
