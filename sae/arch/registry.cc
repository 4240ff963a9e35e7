#include "sae/arch/registry.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "ATen/Context.h"
#include "ATen/detail/CUDAHooksInterface.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "sae/arch/architectures.h"
#include "sae/arch/definition_engine.h"
#include "sae/arch/initialization.h"
#include "sae/arch/sae_trainer.h"
#include "sae/arch/trained_dictionary.h"
#include "sae/checkpoint/expected_tensors.h"

namespace seedbed {
namespace {

// So that no weight can come near the largest float within any number of steps.
constexpr double kLargestLearningRate = 1000;
constexpr int64_t kLargestSize = int64_t{1} << 31;

absl::Status FieldError(absl::string_view field, absl::string_view found, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", found, ", allowed ", allowed));
}

absl::Status CheckRange(absl::string_view field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return FieldError(field, absl::StrCat(value), absl::StrCat("are ", least, " to ", most));
}

absl::Status CheckLearningRate(const LearningRateSchedule& schedule) {
  if (!(schedule.peak > 0 && schedule.peak <= kLargestLearningRate)) {
    return FieldError("learning_rate", absl::StrCat(schedule.peak),
                      absl::StrCat("is a number above 0, at most ", kLargestLearningRate));
  }
  if (!(schedule.final >= 0 && schedule.final <= schedule.peak)) {
    return FieldError("final_learning_rate", absl::StrCat(schedule.final),
                      absl::StrCat("is a number from 0 to learning_rate, ", schedule.peak));
  }
  const int64_t most = std::numeric_limits<int64_t>::max();
  RETURN_IF_ERROR(CheckRange("warmup_steps", schedule.warmup_steps, 0, most));
  RETURN_IF_ERROR(CheckRange("decay_start_step", schedule.decay_start_step, 0, most));
  return CheckRange("total_steps", schedule.total_steps, 0, most);
}

absl::Status CheckAuxiliary(const SaeConfig& config) {
  const double alpha = config.auxiliary_alpha;
  if (!(alpha >= 0 && std::isfinite(alpha))) {
    return FieldError("auxiliary_alpha", absl::StrCat(alpha), "is a number of at least 0");
  }
  RETURN_IF_ERROR(CheckRange("auxiliary_k", config.auxiliary_k, 0, kLargestSize));
  if (alpha > 0 && config.auxiliary_width() < 1) {
    return FieldError("d_in", absl::StrCat(config.d_in), "is 2 or more with an auxiliary loss, whose k is d_in / 2");
  }
  return CheckRange("dead_after_tokens", config.dead_after_tokens, 1, std::numeric_limits<int64_t>::max());
}

// 0 <= value < 1.
absl::Status CheckPart(absl::string_view field, double value) {
  if (value >= 0 && value < 1) return absl::OkStatus();
  return FieldError(field, absl::StrCat(value), "is a number from 0 to below 1");
}

absl::Status CheckNotNegative(absl::string_view field, double value) {
  if (value >= 0 && std::isfinite(value)) return absl::OkStatus();
  return FieldError(field, absl::StrCat(value), "is a number of at least 0");
}

absl::Status CheckOptimizer(const SaeConfig& config) {
  RETURN_IF_ERROR(CheckPart("beta1", config.optimizer.beta1));
  RETURN_IF_ERROR(CheckPart("beta2", config.optimizer.beta2));
  if (!(config.optimizer.epsilon > 0 && std::isfinite(config.optimizer.epsilon))) {
    return FieldError("epsilon", absl::StrCat(config.optimizer.epsilon), "is a number above 0");
  }
  if (!(config.optimizer.momentum > 0 && config.optimizer.momentum <= 1)) {
    return FieldError("momentum", absl::StrCat(config.optimizer.momentum), "is a number above 0, at most 1");
  }
  return CheckNotNegative("gradient_clip", config.gradient_clip);
}

absl::Status CheckSparsity(const SaeConfig& config) {
  RETURN_IF_ERROR(CheckNotNegative("sparsity_coefficient", config.sparsity_coefficient));
  RETURN_IF_ERROR(CheckNotNegative("target_l0", config.target_l0));
  RETURN_IF_ERROR(
      CheckRange("sparsity_warmup_steps", config.sparsity_warmup_steps, 0, std::numeric_limits<int64_t>::max()));
  return CheckPart("threshold_decay", config.threshold_decay);
}

absl::Status CheckConvention(const SaeConfig& config, const Architecture& architecture) {
  const std::vector<Convention>& known = architecture.conventions;
  if (std::find(known.begin(), known.end(), config.convention) != known.end()) return absl::OkStatus();
  const auto append_name = [](std::string* out, Convention convention) { out->append(NameOf(convention)); };
  return FieldError(
      "convention", NameOf(config.convention),
      absl::StrCat("with the architecture ", architecture.name, " are ", absl::StrJoin(known, ", ", append_name)));
}

absl::StatusOr<at::Device> FindDevice(const std::string& name) {
  std::optional<at::Device> device;
  try {
    device.emplace(name);
  } catch (const c10::Error&) {  // Its only way of saying so.
    device.reset();
  }
  // Written back, because an index beyond 127 wraps around.
  if (!device.has_value() || !(device->is_cpu() || device->is_cuda()) || device->str() != name) {
    return FieldError("device", absl::StrCat("\"", name, "\""), "are \"cpu\" and \"cuda:N\"");
  }
  if (device->is_cuda()) {
    const int count = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
    if (!device->has_index() || device->index() >= count) {
      return FieldError("device", absl::StrCat("\"", name, "\""),
                        absl::StrCat("are \"cpu\" and \"cuda:N\" with N below ", count, ", the GPUs usable here"));
    }
  }
  return *device;
}

absl::Status CheckCompute(const SaeConfig& config, at::Device device) {
  if (device.is_cuda() || config.compute == ComputeType::kFloat32) return absl::OkStatus();
  return FieldError("compute", config.compute == ComputeType::kTf32 ? "tf32" : "bfloat16",
                    "on a CPU is float32: it has no faster products that sum in float32");
}

// nullptr where there are none.
std::unique_ptr<SaeEngine> MakeKernels(const Architecture& architecture, const SaeConfig& config,
                                       const SaeTensors& initial, at::Device device) {
  if (device.is_cuda()) {
    return architecture.make_cuda_engine == nullptr ? nullptr : architecture.make_cuda_engine(config, initial, device);
  }
  return architecture.make_cpu_engine == nullptr ? nullptr : architecture.make_cpu_engine(config, initial);
}

}  // namespace

const char* NameOf(Convention convention) {
  switch (convention) {
    case Convention::kSparsify:
      return "sparsify";
    case Convention::kSaeLens:
      return "saelens";
    case Convention::kDictionaryLearning:
      break;
  }
  return "dictionary_learning";
}

const std::vector<Architecture>& Architectures() {
  static const auto* const kArchitectures = new std::vector<Architecture>{
      TopkArchitecture(), BatchtopkArchitecture(), MatryoshkaArchitecture(),
      ReluArchitecture(), GatedArchitecture(),     JumpreluArchitecture(),
  };
  return *kArchitectures;
}

absl::StatusOr<const Architecture*> FindArchitecture(const std::string& name) {
  for (const Architecture& architecture : Architectures()) {
    if (architecture.name == name) return &architecture;
  }
  const auto quoted = [](std::string* out, const Architecture& a) { absl::StrAppend(out, "\"", a.name, "\""); };
  return FieldError("architecture", absl::StrCat("\"", name, "\""),
                    absl::StrCat("are ", absl::StrJoin(Architectures(), ", ", quoted)));
}

absl::Status CheckConfig(const SaeConfig& config) {
  ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(config.architecture));
  RETURN_IF_ERROR(CheckConvention(config, *architecture));
  RETURN_IF_ERROR(CheckRange("d_in", config.d_in, 1, kLargestSize));
  RETURN_IF_ERROR(CheckRange("d_out", config.d_out, 0, kLargestSize));
  if (!config.transcoder && config.target_width() != config.d_in) {
    return FieldError("d_out", absl::StrCat(config.d_out), absl::StrCat("of an autoencoder is d_in, ", config.d_in));
  }
  RETURN_IF_ERROR(CheckRange("latents", config.latents, 1, kLargestSize));
  if (HasK(config.architecture)) RETURN_IF_ERROR(CheckRange("k", config.k, 1, config.latents));
  RETURN_IF_ERROR(CheckLearningRate(config.learning_rate));
  RETURN_IF_ERROR(CheckOptimizer(config));
  RETURN_IF_ERROR(CheckAuxiliary(config));
  RETURN_IF_ERROR(CheckSparsity(config));
  return architecture->check == nullptr ? absl::OkStatus() : architecture->check(config);
}

absl::StatusOr<SaeTensors> InitialParameters(const SaeConfig& config) {
  ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(config.architecture));
  SaeTensors tensors = InitialTensors(config);
  if (architecture->add_tensors != nullptr) architecture->add_tensors(config, &tensors);
  return tensors;
}

std::unique_ptr<TrainableSae> MakeSaeFrom(const SaeConfig& config, const SaeTensors& initial, Start start,
                                          at::Device device, Implementation implementation) {
  const Architecture& architecture = **FindArchitecture(config.architecture);
  std::unique_ptr<SaeEngine> engine;
  if (implementation == Implementation::kFastest) engine = MakeKernels(architecture, config, initial, device);
  if (engine == nullptr) engine = MakeDefinitionEngine(architecture, config, initial, device);
  return std::make_unique<SaeTrainer>(config, std::move(engine), device, start);
}

absl::StatusOr<std::unique_ptr<TrainableSae>> MakeTrainableSae(const SaeConfig& config, const std::string& device,
                                                               const Dictionary* initial) {
  RETURN_IF_ERROR(CheckConfig(config));
  ASSIGN_OR_RETURN(const at::Device found, FindDevice(device));
  RETURN_IF_ERROR(CheckCompute(config, found));
  absl::StatusOr<SaeTensors> parameters =
      initial == nullptr ? InitialParameters(config) : ParametersFrom(config, *initial);
  RETURN_IF_ERROR(parameters.status());
  return MakeSaeFrom(config, *parameters, initial == nullptr ? Start::kFromData : Start::kAsGiven, found,
                     Implementation::kFastest);
}

}  // namespace seedbed
