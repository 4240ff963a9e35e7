// Values of a model's weights as tensors.
#ifndef SEEDBED_SAE_LM_WEIGHT_READER_H_
#define SEEDBED_SAE_LM_WEIGHT_READER_H_

#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/core/ScalarType.h"
#include "sae/lm/weight_files.h"

namespace seedbed {

// The values of one that OpenModelFolder has checked, into `out`: contiguous, on the CPU, float32 or bfloat16, of its
// shape. Never holds a second copy of more than 4 MiB. NOT_FOUND, naming the file, for one that is not there;
// INVALID_ARGUMENT, naming file and tensor, for a value that is NaN or infinite.
absl::Status ReadTensor(const WeightFiles& files, const std::string& name, const at::Tensor& out);

// The same into a new tensor of that type.
absl::StatusOr<at::Tensor> ReadTensor(const WeightFiles& files, const std::string& name, at::ScalarType type);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_WEIGHT_READER_H_
