// Where tensors live, and in which type a device computes.
#ifndef SEEDBED_SAE_LM_DEVICE_H_
#define SEEDBED_SAE_LM_DEVICE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "c10/core/ScalarType.h"

namespace seedbed {

// "cpu" or "cuda:N". INVALID_ARGUMENT for another text or a GPU that this process does not have.
absl::StatusOr<c10::Device> ParseDevice(const std::string& text);

// Whether `device` has instructions for products in bfloat16: avx512_bf16 or amx_bf16 of a CPU, compute capability 8.0
// or above of a GPU.
bool HasBfloat16(c10::Device device);

// The type that a language model computes in on `device`: `wanted`, or without one bfloat16 on a GPU that has it and
// float32 elsewhere. INVALID_ARGUMENT for a type other than these two, and for bfloat16 on a CPU that does not have it.
absl::StatusOr<c10::ScalarType> ComputeType(std::optional<c10::ScalarType> wanted, c10::Device device,
                                            bool has_bfloat16);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_DEVICE_H_
