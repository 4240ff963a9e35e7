// The tensors of an SAE in a safetensors file, under the names that a format gives them.
#ifndef SEEDBED_SAE_CHECKPOINT_TENSOR_FILE_H_
#define SEEDBED_SAE_CHECKPOINT_TENSOR_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/checkpoint/expected_tensors.h"
#include "sae/checkpoint/sae_tensors.h"
#include "sae/io/safetensors.h"

namespace seedbed {

// How a format stores one member of SaeTensors.
struct StoredTensor {
  at::Tensor SaeTensors::*member;
  const char* name;
  bool transposed = false;  // As [d, n] what is [n, d] here.
};

// Of F64, F32, F16 or BF16, as float32. NOT_FOUND, or INVALID_ARGUMENT naming file and tensor: another type or shape, a
// value that is not finite.
absl::StatusOr<at::Tensor> ReadTensor(const SafetensorsFile& file, const std::string& name,
                                      const std::vector<int64_t>& shape);

// INVALID_ARGUMENT when the file has a tensor besides `names`: what it means to its writer is not known.
absl::Status CheckNoOtherTensors(const SafetensorsFile& file, const std::vector<std::string>& names);

// All of `expected`, which `stored` names, and no others in the file but `besides`. Errors as above.
absl::StatusOr<SaeTensors> ReadTensors(const SafetensorsFile& file, const std::vector<ExpectedFileTensor>& expected,
                                       absl::Span<const StoredTensor> stored,
                                       const std::vector<std::string>& besides = {});

// Those that are defined, in float32. Each has a name in `stored`.
absl::Status WriteTensors(const std::string& path, const SaeTensors& tensors, absl::Span<const StoredTensor> stored);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_TENSOR_FILE_H_
