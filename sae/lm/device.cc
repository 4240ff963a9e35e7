#include "sae/lm/device.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace seedbed {

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

}  // namespace seedbed
