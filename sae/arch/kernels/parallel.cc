#include "sae/arch/kernels/parallel.h"

#include <omp.h>

#include <algorithm>

#include "ATen/Parallel.h"

namespace seedbed {

int LoopThreads() { return at::get_num_threads(); }

void ForEachPiece(int64_t count, int64_t piece, absl::FunctionRef<void(int64_t, int64_t, int)> body) {
  const int64_t pieces = PieceCount(count, piece);
  const int threads = omp_in_parallel() ? 1 : static_cast<int>(std::min<int64_t>(LoopThreads(), pieces));
  if (threads <= 1) {
    for (int64_t p = 0; p < pieces; ++p) body(p * piece, std::min(count, (p + 1) * piece), 0);
    return;
  }
  // Not at::parallel_for, which gives each thread one fixed share.
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (int64_t p = 0; p < pieces; ++p) {
    body(p * piece, std::min(count, (p + 1) * piece), omp_get_thread_num());
  }
}

}  // namespace seedbed
