// What a peer's trainer did, as tests/parity/peers writes it (its README.md has the format).
#ifndef SEEDBED_TESTS_PARITY_RECORDING_H_
#define SEEDBED_TESTS_PARITY_RECORDING_H_

#include <string>
#include <utility>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/arch/sae_config.h"
#include "sae/checkpoint/sae_tensors.h"
#include "sae/io/safetensors.h"

namespace seedbed {

class Recording {
 public:
  static absl::StatusOr<Recording> Open(const std::string& path);

  // Of batches of `rows` rows.
  SaeConfig Config(int64_t rows) const;

  // Undefined where there is none.
  at::Tensor Find(const std::string& name) const;

  // Those whose names begin with `prefix`.
  SaeTensors Tensors(const std::string& prefix) const;

  // Parameters after step `step`, from 0, as the trainer left them.
  SaeTensors AfterStep(int64_t step) const;

 private:
  explicit Recording(SafetensorsFile file) : file_(std::move(file)) {}

  SafetensorsFile file_;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_PARITY_RECORDING_H_
