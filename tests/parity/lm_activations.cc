// Runs Seedbed's language model over given tokens, writes its activations as safetensors and says how fast it was.
// tests/parity/lm_parity.py compares them with transformers'.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/io/safetensors.h"
#include "sae/lm/language_model.h"

namespace seedbed {
namespace {

struct Options {
  std::string model;
  std::string tokens;
  std::string out;
  std::vector<std::string> hookpoints;
  std::string device = "cpu";
  int threads = 2;
  int repeat = 0;
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

absl::Status WriteActivations(const Options& options, const std::vector<at::Tensor>& activations) {
  std::vector<at::Tensor> kept;  // What the views below point into.
  std::vector<TensorToWrite> tensors;
  for (size_t i = 0; i < activations.size(); ++i) {
    kept.push_back(activations[i].cpu().contiguous());
    const at::Tensor& tensor = kept.back();
    tensors.push_back({options.hookpoints[i], TensorType::kF32, tensor.sizes().vec(),
                       absl::string_view(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes())});
  }
  return WriteSafetensors(options.out, std::move(tensors), {});
}

void MeasureSpeed(LanguageModel& model, const at::Tensor& tokens, int repeat) {
  std::vector<double> seconds;
  for (int i = 0; i < repeat; ++i) {
    const auto start = std::chrono::steady_clock::now();
    model.Forward(tokens)[0].sum().item<float>();  // Waits for the device.
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  std::printf("seconds=%.4f tokens_per_second=%.1f\n", median, tokens.numel() / median);
}

absl::Status Run(const Options& options) {
  at::set_num_threads(options.threads);
  std::vector<Hookpoint> hookpoints;
  for (const std::string& text : options.hookpoints) {
    ASSIGN_OR_RETURN(const Hookpoint hookpoint, ParseHookpoint(text));
    hookpoints.push_back(hookpoint);
  }
  ASSIGN_OR_RETURN(const at::Tensor tokens, ReadTokens(options.tokens));
  ASSIGN_OR_RETURN(const auto model, LoadLanguageModel({options.model, hookpoints, options.device}));
  const std::vector<at::Tensor> activations = model->Forward(tokens);
  if (!options.out.empty()) RETURN_IF_ERROR(WriteActivations(options, activations));
  if (options.repeat > 0) MeasureSpeed(*model, tokens, options.repeat);
  return absl::OkStatus();
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) {
  seedbed::Options options;
  CLI::App app("Activations of a language model at hookpoints");
  app.add_option("--model", options.model, "a Hugging Face folder")->required();
  app.add_option("--tokens", options.tokens, "safetensors file with \"tokens\", I64 [batch, sequence]")->required();
  app.add_option("--hookpoints", options.hookpoints, "such as layers.9,layers.9.mlp")->required()->delimiter(',');
  app.add_option("--out", options.out, "safetensors file to write: one tensor a hookpoint");
  app.add_option("--device", options.device, "cpu or cuda:N");
  app.add_option("--threads", options.threads, "threads of LibTorch");
  app.add_option("--repeat", options.repeat, "time so many further runs and print the median");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = seedbed::Run(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "lm_activations: %s\n", std::string(status.message()).c_str());
  return 1;
}
