// Other activations in the place of a hookpoint's own.
#ifndef SEEDBED_SAE_LM_REPLACEMENT_H_
#define SEEDBED_SAE_LM_REPLACEMENT_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/lm/activation_visitor.h"
#include "sae/lm/hookpoint.h"
#include "sae/lm/language_model.h"

namespace seedbed {

// Not thread-safe.
class Replacement final : public ActivationVisitor {
 public:
  // What `replace` refers to outlives this.
  Replacement(const Hookpoint& hookpoint, ReplaceRows replace) : hookpoint_(hookpoint), replace_(replace) {}

  bool Wants(const Hookpoint& here) const override { return here == hookpoint_; }
  bool replaces() const override { return true; }
  void Visit(const Hookpoint& here, int64_t first, const at::Tensor& value) override;

 private:
  const Hookpoint hookpoint_;
  const ReplaceRows replace_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_REPLACEMENT_H_
