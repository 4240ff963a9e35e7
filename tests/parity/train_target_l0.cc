// Trains relu, gated or jumprelu on rows of a model, with the defaults that a sweep takes from the library, either
// steered to an L0 or under a coefficient that stays. Prints a JSON line with L0 and FVU of the last tenth of the
// steps, and L0 of each tenth.
//
//   train_target_l0 ROWS --target-l0 32 [--coefficient C] ...     ROWS: safetensors with "activations" [rows, d],
//   float32
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/randperm.h"
#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "sae/arch/registry.h"
#include "sae/io/safetensors.h"

namespace seedbed {
namespace {

constexpr int64_t kTenths = 10;

struct Flags {
  std::string rows;
  std::string architecture = "jumprelu";
  std::string convention = "saelens";
  int64_t latents = 512;
  int64_t batch = 256;
  int64_t steps = 4080;
  uint64_t seed = 0;
  double target_l0 = 32;
  double coefficient = 0;  // That stays; 0 = steered.
  double learning_rate = 0.003;
  bool linear_decay = false;
  bool normalize = false;
};

// As server/scheduler/sae_defaults.cc has them for the libraries.
SaeConfig ConfigOf(const Flags& flags, int64_t width) {
  const bool dictionary_learning = flags.convention == "dictionary_learning";
  const bool jumprelu = flags.architecture == "jumprelu";
  SaeConfig config;
  config.architecture = flags.architecture;
  config.convention = dictionary_learning ? Convention::kDictionaryLearning : Convention::kSaeLens;
  config.d_in = width;
  config.latents = flags.latents;
  config.seed = flags.seed;
  config.target_l0 = flags.coefficient > 0 ? 0 : flags.target_l0;
  config.loss_target_l0 = flags.target_l0;
  config.sparsity_coefficient = dictionary_learning && !jumprelu ? 0.1 : 1;
  if (flags.coefficient > 0) config.sparsity_coefficient = flags.coefficient;
  config.learning_rate.peak = flags.learning_rate;
  config.learning_rate.total_steps = flags.steps;
  config.learning_rate.decay =
      flags.linear_decay ? LearningRateSchedule::Decay::kLinear : LearningRateSchedule::Decay::kConstant;
  if (dictionary_learning) {
    config.learning_rate.warmup_steps = std::min<int64_t>(1000, flags.steps / 10);
    config.sparsity_warmup_steps = std::min<int64_t>(2000, flags.steps / 10);
    if (flags.architecture != "relu") config.optimizer.beta1 = 0;
  }
  if (!dictionary_learning || jumprelu) config.gradient_clip = 1;
  config.decoder_bias_start = DecoderBiasStart::kZero;
  config.bandwidth = dictionary_learning ? 0.001 : 0.05;
  config.initial_threshold = dictionary_learning ? 0.001 : 0.01;
  return config;
}

absl::StatusOr<at::Tensor> ReadRows(const Flags& flags) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(flags.rows));
  ASSIGN_OR_RETURN(const TensorView view, file.Find("activations"));
  if (view.type != TensorType::kF32 || view.shape.size() != 2 || view.shape[0] < flags.batch) {
    return absl::InvalidArgumentError(
        absl::StrCat(flags.rows, ": tensor \"activations\" must be float32 [rows, d], with ", flags.batch, " rows"));
  }
  // Copied, for the file's bytes may lie at any address.
  at::Tensor rows = at::from_blob(const_cast<char*>(view.bytes.data()), view.shape, at::kFloat).clone();
  if (flags.normalize) rows *= 1 / rows.square().mean().sqrt().item<float>();
  return rows;
}

absl::Status Train(const Flags& flags, const at::Tensor& rows) {
  const SaeConfig config = ConfigOf(flags, rows.size(1));
  RETURN_IF_ERROR(CheckConfig(config));
  ASSIGN_OR_RETURN(const SaeTensors initial, InitialParameters(config));
  const std::unique_ptr<TrainableSae> sae =
      MakeSaeFrom(config, initial, Start::kFromData, at::kCPU, Implementation::kFastest);
  const int64_t tenth = flags.steps / kTenths;
  const int64_t batches = rows.size(0) / flags.batch;
  const at::Generator generator = at::detail::createCPUGenerator(3);
  std::vector<double> l0(kTenths, 0);
  double fvu = 0;
  at::Tensor order;
  for (int64_t t = 0; t < tenth * kTenths; ++t) {
    if (t % batches == 0) order = at::randperm(rows.size(0), generator, at::kLong);
    const at::Tensor chosen = order.narrow(0, t % batches * flags.batch, flags.batch);
    ASSIGN_OR_RETURN(const StepMetrics metrics, sae->Step(rows.index_select(0, chosen)));
    l0[static_cast<size_t>(t / tenth)] += metrics.l0 / static_cast<double>(tenth);
    if (t >= tenth * (kTenths - 1)) fvu += metrics.fvu / static_cast<double>(tenth);
  }
  const auto rounded = [](std::string* out, double value) { absl::StrAppendFormat(out, "%.2f", value); };
  std::printf("{\"l0\": %.2f, \"fvu\": %.4f, \"l0_by_tenths\": [%s]}\n", l0.back(), fvu,
              absl::StrJoin(l0, ", ", rounded).c_str());
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  at::set_num_threads(1);
  ASSIGN_OR_RETURN(const at::Tensor rows, ReadRows(flags));
  return Train(flags, rows);
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) {
  seedbed::Flags flags;
  CLI::App app("Trains one SAE to a target L0 on rows of a model.");
  app.add_option("rows", flags.rows)->required();
  app.add_option("--architecture", flags.architecture)->check(CLI::IsMember({"relu", "gated", "jumprelu"}));
  app.add_option("--convention", flags.convention)->check(CLI::IsMember({"saelens", "dictionary_learning"}));
  app.add_option("--latents", flags.latents)->check(CLI::PositiveNumber);
  app.add_option("--batch", flags.batch)->check(CLI::PositiveNumber);
  app.add_option("--steps", flags.steps)->check(CLI::Range(10, 10'000'000));
  app.add_option("--seed", flags.seed);
  app.add_option("--target-l0", flags.target_l0)->check(CLI::PositiveNumber);
  app.add_option("--coefficient", flags.coefficient, "that stays, instead of being steered");
  app.add_option("--learning-rate", flags.learning_rate)->check(CLI::PositiveNumber);
  app.add_flag("--linear-decay", flags.linear_decay);
  app.add_flag("--normalize", flags.normalize, "rows to a mean square of 1");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = seedbed::Run(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "train_target_l0: %s\n", std::string(status.message()).c_str());
  return 1;
}
