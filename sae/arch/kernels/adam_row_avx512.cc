#include "sae/arch/kernels/adam_row.h"
#include "sae/arch/kernels/adam_row_body.h"

namespace seedbed {

void AdamRowAvx512(const AdamUpdate& update, const float* gradient, int64_t width, float* parameter, float* moment1,
                   float* moment2) {
  AdamRowLoop<512>(update, gradient, width, parameter, moment1, moment2);
}

}  // namespace seedbed
