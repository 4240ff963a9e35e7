#include "sae/arch/registry.h"

#include <cmath>
#include <limits>
#include <optional>

#include "ATen/Context.h"
#include "ATen/detail/CUDAHooksInterface.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "sae/arch/initialization.h"
#include "sae/arch/topk.h"
#include "sae/arch/topk_aten.h"

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
  const int64_t most = std::numeric_limits<int64_t>::max();
  RETURN_IF_ERROR(CheckRange("warmup_steps", schedule.warmup_steps, 0, most));
  return CheckRange("total_steps", schedule.total_steps, 0, most);
}

absl::Status CheckAuxiliary(const SaeConfig& config) {
  const double alpha = config.auxiliary_alpha;
  if (!(alpha >= 0 && std::isfinite(alpha))) {
    return FieldError("auxiliary_alpha", absl::StrCat(alpha), "is a number of at least 0");
  }
  if (alpha > 0 && config.d_in < 2) {
    return FieldError("d_in", absl::StrCat(config.d_in), "is 2 or more with an auxiliary loss, whose k is d_in / 2");
  }
  return CheckRange("dead_after_tokens", config.dead_after_tokens, 1, std::numeric_limits<int64_t>::max());
}

absl::Status CheckConfig(const SaeConfig& config) {
  RETURN_IF_ERROR(CheckRange("d_in", config.d_in, 1, kLargestSize));
  RETURN_IF_ERROR(CheckRange("latents", config.latents, 1, kLargestSize));
  RETURN_IF_ERROR(CheckRange("k", config.k, 1, config.latents));
  RETURN_IF_ERROR(CheckLearningRate(config.learning_rate));
  return CheckAuxiliary(config);
}

absl::StatusOr<const Architecture*> FindArchitecture(const std::string& name) {
  for (const Architecture& architecture : Architectures()) {
    if (architecture.name == name) return &architecture;
  }
  const auto quoted = [](std::string* out, const Architecture& a) { absl::StrAppend(out, "\"", a.name, "\""); };
  return FieldError("architecture", absl::StrCat("\"", name, "\""),
                    absl::StrCat("are ", absl::StrJoin(Architectures(), ", ", quoted)));
}

absl::StatusOr<at::Device> ParseDevice(const std::string& name) {
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

std::unique_ptr<TrainableSae> MakeTopk(const SaeConfig& config) {
  return MakeTopkSae(config, InitialTopkDictionary(config));
}

std::unique_ptr<TrainableSae> MakeTopkOnDevice(const SaeConfig& config, at::Device device) {
  return MakeTopkAtenSae(config, InitialTopkDictionary(config), device);
}

}  // namespace

const std::vector<Architecture>& Architectures() {
  static const auto* const kArchitectures = new std::vector<Architecture>{
      {"topk", &MakeTopk, &MakeTopkOnDevice},
  };
  return *kArchitectures;
}

absl::StatusOr<std::unique_ptr<TrainableSae>> MakeTrainableSae(const SaeConfig& config, const std::string& device) {
  ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(config.architecture));
  RETURN_IF_ERROR(CheckConfig(config));
  ASSIGN_OR_RETURN(const at::Device parsed, ParseDevice(device));
  return parsed.is_cpu() ? architecture->make_on_cpu(config) : architecture->make_on_device(config, parsed);
}

}  // namespace seedbed
