#include "sae/lm/device.h"

#include <ATen/Context.h>
#include <ATen/cpu/Utils.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace seedbed {
namespace {

bool CpuHasBfloat16() {
  static const bool has = [] {
    const auto capabilities = at::cpu::get_cpu_capabilities();
    for (const char* name : {"avx512_bf16", "amx_bf16"}) {
      const auto found = capabilities.find(name);
      if (found != capabilities.end() && found->second.isBool() && found->second.toBool()) return true;
    }
    return false;
  }();
  return has;
}

}  // namespace

absl::StatusOr<c10::Device> ParseDevice(const std::string& text) {
  if (text == "cpu") return c10::Device(c10::kCPU);
  absl::string_view rest = text;
  int index = 0;
  if (!absl::ConsumePrefix(&rest, "cuda:") || !absl::SimpleAtoi(rest, &index) || index < 0) {
    return absl::InvalidArgumentError(absl::StrCat("device \"", text, "\" is not known, allowed are cpu and cuda:N"));
  }
  const int available = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (index >= available) {
    return absl::InvalidArgumentError(absl::StrCat("device \"", text, "\" is not here: ", available, " GPUs are"));
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

bool HasBfloat16(c10::Device device) {
  if (device.is_cpu()) return CpuHasBfloat16();
  // For cuDNN's sake LibTorch asks whether the compute capability is 8.0 or above, and nowhere else without CUDA's own
  // headers.
  return at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
}

absl::StatusOr<c10::ScalarType> ComputeType(std::optional<c10::ScalarType> wanted, c10::Device device,
                                            bool has_bfloat16) {
  if (!wanted.has_value()) return device.is_cuda() && has_bfloat16 ? c10::kBFloat16 : c10::kFloat;
  if (*wanted != c10::kFloat && *wanted != c10::kBFloat16) {
    return absl::InvalidArgumentError(absl::StrCat("a language model does not compute in ", c10::toString(*wanted),
                                                   ", allowed are float32 and bfloat16"));
  }
  if (*wanted == c10::kBFloat16 && device.is_cpu() && !has_bfloat16) {
    return absl::InvalidArgumentError(
        "bfloat16 is not for this CPU, which has neither avx512_bf16 nor amx_bf16 and would be a hundred times slower "
        "than in float32; use float32");
  }
  return *wanted;
}

}  // namespace seedbed
