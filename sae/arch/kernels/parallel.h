// Loops over pieces of rows or of latents, on LibTorch's threads.
#ifndef SEEDBED_SAE_ARCH_KERNELS_PARALLEL_H_
#define SEEDBED_SAE_ARCH_KERNELS_PARALLEL_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace seedbed {

// How many threads a loop may use: at::get_num_threads().
int LoopThreads();

inline int64_t PieceCount(int64_t count, int64_t piece) { return (count + piece - 1) / piece; }

// Calls body(begin, end, thread) for [0, piece), [piece, 2 piece), ... of [0, count), each once; thread is in
// [0, LoopThreads()). A thread takes the next piece when it is done with one, since pieces cost unequally; so what
// `body` writes may depend on the piece and never on the thread, which is there to find scratch memory. `body` must
// not throw.
void ForEachPiece(int64_t count, int64_t piece, absl::FunctionRef<void(int64_t, int64_t, int)> body);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_PARALLEL_H_
