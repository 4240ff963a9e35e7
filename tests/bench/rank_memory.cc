// Peak memory of a rank against the sum of what it has to hold: the weights of the layers that it needs, the harvest
// block, the shuffle buffer, two batches and its SAEs with their moments. The demo's gang (SmolLM2-135M's layers.9,
// three TopK SAEs of 512 latents), on fewer tokens and one epoch.
//
// SEEDBED_BENCH_MODEL is the model's folder (default: build/demo/smollm2-135m, which tools/demo.sh makes).
#include <stdlib.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/status.h"
#include "common/subprocess.h"
#include "sae/io/safetensors.h"
#include "sae/lm/model_inspection.h"

namespace seedbed {
namespace {

constexpr int64_t kLastLayer = 9;
constexpr int64_t kTokens = 32'768;
constexpr int64_t kSequence = 256;
constexpr int64_t kBlockSequences = 64;
constexpr int64_t kShuffleRows = 16'384;
constexpr int64_t kBatch = 256;
constexpr int64_t kLatents = 512;
constexpr int64_t kSaes = 3;
constexpr double kMebibyte = 1 << 20;

// Of the largest child that has been waited for.
double PeakMebibytesOfChildren() {
  rusage usage = {};
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

absl::Status Run(std::vector<std::string> command, const std::string& log) {
  SpawnOptions options;
  options.argv = std::move(command);
  options.stderr_path = log;
  ASSIGN_OR_RETURN(Subprocess process, Subprocess::Spawn(options));
  const ExitStatus status = process.Wait();
  if (status.ok()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(options.argv[0], " ", status.ToString(), ", see ", log));
}

// In float32, of the embedding and layers 0..kLastLayer.
absl::StatusOr<double> WeightBytes(const std::string& model) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(JoinPath(model, "model.safetensors")));
  double bytes = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    const std::vector<std::string> parts = absl::StrSplit(name, '.');
    int64_t layer = 0;
    const bool of_layer = parts.size() > 2 && parts[1] == "layers" && absl::SimpleAtoi(parts[2], &layer);
    const bool needed = of_layer ? layer <= kLastLayer : absl::StrContains(name, "embed_tokens");
    if (needed) bytes += 4.0 * static_cast<double>(tensor.elements());
  }
  return bytes;
}

void WriteTokens(const std::string& path) {
  const std::vector<uint16_t> tokens(static_cast<size_t>(kTokens), 7);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(tokens.data()), static_cast<std::streamsize>(tokens.size() * 2));
  std::ofstream(path + ".json") << R"({"tokenizer": "bench", "vocabulary_size": 8, "dtype": "uint16", "count": )"
                                << kTokens << R"(, "sha256": ")" << std::string(64, '0') << "\"}";
}

absl::Status Measure(const std::string& folder) {
  const char* setting = getenv("SEEDBED_BENCH_MODEL");
  const std::string model = setting != nullptr ? setting : "build/demo/smollm2-135m";
  ASSIGN_OR_RETURN(const ModelFacts facts, InspectModel(model));
  ASSIGN_OR_RETURN(const double weights, WeightBytes(model));
  const std::string tests = JoinPath(ExecutableFolder(), "../tests");
  RETURN_IF_ERROR(Run({JoinPath(ExecutableFolder(), "../bin/seedbed-trainer"), "--help"}, JoinPath(folder, "help")));
  const double process = PeakMebibytesOfChildren();

  WriteTokens(JoinPath(folder, "tokens.bin"));
  RETURN_IF_ERROR(Run({JoinPath(tests, "train_gang"), "--model", model, "--tokens", JoinPath(folder, "tokens.bin"),
                       "--out", JoinPath(folder, "gang"), "--max-tokens", absl::StrCat(kTokens), "--shuffle-rows",
                       absl::StrCat(kShuffleRows), "--epochs", "1", "--threads", "2"},
                      JoinPath(folder, "log")));
  const double peak = PeakMebibytesOfChildren();

  const double row = 4.0 * static_cast<double>(facts.d_model) / kMebibyte;
  const double block = kBlockSequences * (kSequence - 1) * row;
  const double saes = kSaes * 3 * (2.0 * kLatents * row + 4.0 * kLatents / kMebibyte + row);
  const double sum = process + weights / kMebibyte + block + kShuffleRows * row + 2 * kBatch * row + saes;
  std::printf("%-46s %9s\n", "of one rank", "MiB");
  std::printf("%-46s %9.1f\n", "the program before it has loaded anything", process);
  std::printf("%-46s %9.1f\n", "weights of 10 layers and the embedding", weights / kMebibyte);
  std::printf("%-46s %9.1f\n", "a harvest block", block);
  std::printf("%-46s %9.1f\n", "the shuffle buffer", kShuffleRows * row);
  std::printf("%-46s %9.1f\n", "two batches", 2 * kBatch * row);
  std::printf("%-46s %9.1f\n", "three SAEs with two moments each", saes);
  std::printf("%-46s %9.1f\n", "sum", sum);
  std::printf("%-46s %9.1f\n", "measured peak", peak);
  std::printf("rank_memory peak_sum_ratio=%.3f\n", peak / sum);
  return absl::OkStatus();
}

}  // namespace
}  // namespace seedbed

int main() {
  std::string folder = "/tmp/seedbed-rank-memory-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const auto remove = absl::Cleanup([&] { seedbed::RemoveAll(folder).IgnoreError(); });
  const absl::Status status = seedbed::Measure(folder);
  if (status.ok()) return 0;
  std::fprintf(stderr, "rank_memory: %s\n", std::string(status.message()).c_str());
  return 1;
}
