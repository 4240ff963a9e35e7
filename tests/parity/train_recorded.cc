// Trains from the weights and with the config that peers/train_200.py wrote, on the same rows in the same order, and
// prints what that prints: a JSON line a case with FVU and L0, the means over the last 20 steps.
//
//   train_recorded ROWS RECORDING...     ROWS: safetensors with "activations" [rows, d], float32
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "ATen/Parallel.h"
#include "ATen/ops/from_blob.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/arch/registry.h"
#include "sae/io/safetensors.h"
#include "tests/parity/recording.h"

namespace seedbed {
namespace {

constexpr int64_t kBatchRows = 512;
constexpr int64_t kReported = 20;

absl::Status TrainCase(const std::string& path, const at::Tensor& rows) {
  ASSIGN_OR_RETURN(const Recording recording, Recording::Open(path));
  const SaeConfig config = recording.Config(kBatchRows);
  RETURN_IF_ERROR(CheckConfig(config));
  const int64_t steps = config.learning_rate.total_steps;
  if (rows.size(0) < steps * kBatchRows) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", rows.size(0), " rows, needed are ", steps * kBatchRows));
  }
  const std::unique_ptr<TrainableSae> sae =
      MakeSaeFrom(config, recording.Tensors("initial."), Start::kFromData, at::kCPU, Implementation::kFastest);
  double fvu = 0, l0 = 0, dead = 0;
  for (int64_t t = 0; t < steps; ++t) {
    ASSIGN_OR_RETURN(const StepMetrics metrics, sae->Step(rows.narrow(0, t * kBatchRows, kBatchRows)));
    if (t < steps - kReported) continue;
    fvu += metrics.fvu / kReported;
    l0 += metrics.l0 / kReported;
    dead = metrics.dead_fraction * static_cast<double>(config.latents);
  }
  std::printf("{\"case\": \"%s\", \"fvu\": %.6f, \"l0\": %.3f, \"dead\": %.0f}\n",
              std::filesystem::path(path).stem().c_str(), fvu, l0, dead);
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status Run(int argc, char** argv) {
  if (argc < 3) return absl::InvalidArgumentError("usage: train_recorded ROWS RECORDING...");
  at::set_num_threads(2);
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(argv[1]));
  ASSIGN_OR_RETURN(const TensorView view, file.Find("activations"));
  if (view.type != TensorType::kF32 || view.shape.size() != 2) {
    return absl::InvalidArgumentError(absl::StrCat(argv[1], ": tensor \"activations\" must be float32 [rows, d]"));
  }
  // Copied, for the file's bytes may lie at any address.
  const at::Tensor rows = at::from_blob(const_cast<char*>(view.bytes.data()), view.shape, at::kFloat).clone();
  for (int i = 2; i < argc; ++i) {
    const absl::Status status = TrainCase(argv[i], rows);
    if (!status.ok()) return Annotate(status, argv[i]);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) {
  const absl::Status status = seedbed::Run(argc, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "train_recorded: %s\n", std::string(status.message()).c_str());
  return 1;
}
