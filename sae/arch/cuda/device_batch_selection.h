// The largest activations of a whole batch on a GPU, whose pre-activations never exist all at once.
#ifndef SEEDBED_SAE_ARCH_CUDA_DEVICE_BATCH_SELECTION_H_
#define SEEDBED_SAE_ARCH_CUDA_DEVICE_BATCH_SELECTION_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "sae/arch/cuda/device_entries.h"
#include "sae/arch/cuda/row_selection.h"

namespace seedbed {

// Candidates in order of row, then latent: [capacity] each.
struct BatchCandidates {
  uint32_t* keys = nullptr;  // What they rank by.
  int32_t* rows = nullptr;
  int32_t* latents = nullptr;
  float* values = nullptr;
};

// What the kernels tell each other; nothing of it is read by the host. Zero before the first batch.
struct BatchSelectionState {
  static constexpr int kDigits = 256;

  uint32_t guess;     // Of the bound on the first tile; 0 = none.
  uint32_t bound;     // Keys below it can't be among the largest.
  int32_t size;       // Of the candidates.
  int32_t searching;  // Whether a radix search over keys is under way.
  uint32_t prefix;    // Of the search: the threshold's highest digits, and which bits those are.
  uint32_t mask;
  int32_t wanted;  // Of the search: how many of the keys with that prefix.
  int32_t blocks_done;
  int32_t counts[kDigits];
};

// Keeps the `count` largest positive max(0, pre + bias) of a batch; among equal ones the earlier row, then the lower
// latent wins. With norms, the largest by that activation times the latent's norm. No host waits for it.
//
// After each tile the candidates are cut down to exactly the largest `count` so far, the least of which bounds what a
// later tile has to reach. If too many do, as in a batch's first tile, a radix search over the candidates and the tile
// finds the threshold first. For the first tile, what it kept in the batch before is a guess; it is taken where at
// least `count` reach it, since then it is a bound.
class DeviceBatchSelection {
 public:
  // Memory of a selection; `scratch` takes ScratchBytes(count).
  struct Memory {
    BatchSelectionState* state = nullptr;
    BatchCandidates candidates[2];   // Of Capacity(count).
    uint64_t* row_counts = nullptr;  // [rows in a tile + 1]
    uint64_t* places = nullptr;      // [Capacity(count)]
    void* scratch = nullptr;
    size_t scratch_bytes = 0;
  };
  static int64_t Capacity(int64_t count) { return 3 * count; }
  static size_t ScratchBytes(int64_t count);

  // For batches with that `count`.
  DeviceBatchSelection(const Memory& memory, int64_t count) : memory_(memory), count_(count) {}

  void Begin(cudaStream_t stream);
  // The batch's next rows, in their order.
  void Add(cudaStream_t stream, const DevicePreActivations& pre);
  // Sets starts and counts of `entries`, whose latents and values become the selection's own, until Begin.
  void Finish(cudaStream_t stream, DeviceEntries* entries);

 private:
  void KeepLargest(cudaStream_t stream);

  const Memory memory_;
  const int64_t count_;
  int tiles_ = 0;
  int current_ = 0;  // Which candidates hold what was found.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_DEVICE_BATCH_SELECTION_H_
