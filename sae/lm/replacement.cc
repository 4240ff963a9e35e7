#include "sae/lm/replacement.h"

namespace seedbed {

void Replacement::Visit(const Hookpoint& here, int64_t first, const at::Tensor& value) {
  if (!Wants(here)) return;
  const at::Tensor rows = value.to(at::kFloat);  // Itself in float32.
  replace_(first, rows);
  if (!rows.is_same(value)) value.copy_(rows);
}

}  // namespace seedbed
