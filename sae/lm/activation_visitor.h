// What comes by at a language model's hookpoints during a forward pass.
#ifndef SEEDBED_SAE_LM_ACTIVATION_VISITOR_H_
#define SEEDBED_SAE_LM_ACTIVATION_VISITOR_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/lm/hookpoint.h"

namespace seedbed {

class ActivationVisitor {
 public:
  virtual ~ActivationVisitor() = default;

  // Whether Visit does anything at `here`.
  virtual bool Wants(const Hookpoint& here) const = 0;

  // Whether Visit changes what it is given; the model goes on with what it leaves.
  virtual bool replaces() const = 0;

  // `value` [count, d_model], contiguous, in the model's type: rows [first, first + count) at `here`. Called at every
  // hookpoint, wanted or not, but for the MLP's input, which is computed for who wants it.
  virtual void Visit(const Hookpoint& here, int64_t first, const at::Tensor& value) = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_ACTIVATION_VISITOR_H_
