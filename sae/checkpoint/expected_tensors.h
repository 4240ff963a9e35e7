// Which tensors an architecture has, and of what shape.
#ifndef SEEDBED_SAE_CHECKPOINT_EXPECTED_TENSORS_H_
#define SEEDBED_SAE_CHECKPOINT_EXPECTED_TENSORS_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "sae/checkpoint/sae_tensors.h"

namespace seedbed {

// Of latents, d_in and d_out in a file.
inline constexpr int64_t kLargestWidth = std::numeric_limits<int32_t>::max();

struct DictionaryShape {
  std::string architecture;
  int64_t latents = 0;
  int64_t d_in = 0;
  int64_t d_out = 0;
  bool skip = false;  // There is a skip connection.
};

struct ExpectedFileTensor {
  SaeTensorField field;
  std::vector<int64_t> shape;
};

// INVALID_ARGUMENT, naming those there are.
absl::Status CheckArchitecture(absl::string_view architecture);

// Whether what it encodes with has thresholds: jumprelu, batchtopk, matryoshka.
bool HasThreshold(absl::string_view architecture);

// Whether it has a k: topk, batchtopk, matryoshka.
bool HasK(absl::string_view architecture);

// In the order of kSaeTensorFields; those that the architecture does not have are left out.
std::vector<ExpectedFileTensor> ExpectedTensors(const DictionaryShape& shape);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_EXPECTED_TENSORS_H_
