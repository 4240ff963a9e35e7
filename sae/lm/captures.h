// The activations that one forward pass is asked for.
#ifndef SEEDBED_SAE_LM_CAPTURES_H_
#define SEEDBED_SAE_LM_CAPTURES_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "sae/lm/hookpoint.h"

namespace seedbed {

// Not thread-safe.
class Captures {
 public:
  // Of a pass that is asked for none.
  Captures() = default;
  // Room for [rows, columns] of each hookpoint.
  Captures(std::vector<Hookpoint> hookpoints, int64_t rows, int64_t columns, const at::TensorOptions& options);

  // Whether Visit does anything at `here`.
  bool Wants(const Hookpoint& here) const;

  // Copies `value` [count, columns] to rows [first, first + count) of every hookpoint that is `here`.
  void Visit(const Hookpoint& here, int64_t first, const at::Tensor& value);

  std::vector<at::Tensor> Take() { return std::move(activations_); }

 private:
  std::vector<Hookpoint> hookpoints_;
  std::vector<at::Tensor> activations_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_CAPTURES_H_
