// How many of a stream's sequences each token file of a mixture gives.
#ifndef SEEDBED_SERVER_SCHEDULER_MIXTURE_H_
#define SEEDBED_SERVER_SCHEDULER_MIXTURE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace seedbed {

// Divides `sequences` (>= 0) in proportion to `weights` (finite, above 0, at least one) by largest remainders: each
// file gets its quota rounded down, and those with the largest fractions one more, ties to the earlier. The sum is
// `sequences`; a file may get 0.
std::vector<int64_t> DivideSequences(int64_t sequences, absl::Span<const double> weights);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_MIXTURE_H_
