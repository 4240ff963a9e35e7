#include "sae/lm/attention_kernel_body.h"

namespace seedbed {

using Avx2 = BlockAttention<FloatVector<8>::Type, 4>;
const AttentionKernel kAttentionAvx2 = {Avx2::kQueries, &Avx2::Attend};

}  // namespace seedbed
