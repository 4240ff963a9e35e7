// Where tensors live.
#ifndef SEEDBED_SAE_LM_DEVICE_H_
#define SEEDBED_SAE_LM_DEVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "c10/core/Device.h"

namespace seedbed {

// "cpu" or "cuda:N". INVALID_ARGUMENT for another text or a GPU that this process does not have.
absl::StatusOr<c10::Device> ParseDevice(const std::string& text);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_DEVICE_H_
