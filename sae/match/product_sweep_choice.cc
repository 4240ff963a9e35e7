#include "sae/match/product_sweep_choice.h"

#include "ATen/Context.h"
#include "ATen/detail/CUDAHooksInterface.h"
#include "absl/strings/str_cat.h"
#include "sae/match/cpu_product_sweep.h"
#include "sae/match/device_product_sweep.h"

namespace seedbed {

absl::StatusOr<std::unique_ptr<ProductSweep>> MakeProductSweep(absl::string_view device) {
  if (device != "auto" && device != "cpu" && device != "cuda") {
    return absl::InvalidArgumentError(absl::StrCat("device: found ", device, "; auto, cpu and cuda are allowed"));
  }
  const bool has_gpu = device != "cpu" && at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0;
  if (device == "cuda" && !has_gpu) {
    return absl::InvalidArgumentError(
        "device: found cuda, but this program can use no GPU here; auto and cpu are allowed");
  }
  if (has_gpu) return std::make_unique<DeviceProductSweep>(c10::Device(c10::kCUDA, 0));
  return std::make_unique<CpuProductSweep>();
}

}  // namespace seedbed
