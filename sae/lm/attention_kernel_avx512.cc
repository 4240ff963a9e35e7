#include "sae/lm/attention_kernel_body.h"

namespace seedbed {

using Avx512 = BlockAttention<FloatVector<16>::Type, 8>;
const AttentionKernel kAttentionAvx512 = {Avx512::kQueries, &Avx512::Attend};

}  // namespace seedbed
