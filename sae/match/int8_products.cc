#include "sae/match/int8_products.h"

#include "sae/arch/kernels/screening/int8_kernel.h"

namespace seedbed {

absl::Span<const Int8Products* const> SupportedProducts() {
  static const Int8Products* const kAll[] = {&kProductsAvx512Vnni, &kProductsAvx2, &kProductsPortable};
  static const bool has_vnni = HasAvx512Vnni();
  return absl::MakeConstSpan(kAll).subspan(has_vnni ? 0 : 1);
}

}  // namespace seedbed
