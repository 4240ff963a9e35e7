// How long ago each latent fired, and so which are dead, on a GPU.
#ifndef SEEDBED_SAE_ARCH_CUDA_DEVICE_FIRING_H_
#define SEEDBED_SAE_ARCH_CUDA_DEVICE_FIRING_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "sae/arch/cuda/device_entries.h"
#include "sae/arch/cuda/step_record.h"

namespace seedbed {

struct DeviceFiring {
  int64_t latents = 0;
  int64_t dead_after = 0;         // In rows.
  bool counts_batch = false;      // Whether the auxiliary loss counts the batch in that it teaches.
  int64_t* rows_since = nullptr;  // [n]
  uint8_t* fired = nullptr;       // [n], in the batch of this step.
  uint8_t* candidate = nullptr;   // [n]
  uint8_t* dead = nullptr;        // [n]: what the auxiliary loss teaches in this step.
};

// What fired: nothing, then all that has an entry, with `zeros` all places of every row.
void MarkFired(cudaStream_t stream, const DeviceFiring& firing, const DeviceEntries& entries, bool zeros);

// candidate[i] = whether latent i may be dead in a batch of `rows` rows, whatever fires in it.
void FindCandidates(cudaStream_t stream, const DeviceFiring& firing, int64_t rows);

// Those latents, ascending, and their number. `scratch` takes ListingBytes(n).
size_t ListingBytes(int64_t latents);
void ListCandidates(cudaStream_t stream, const DeviceFiring& firing, void* scratch, size_t scratch_bytes,
                    int32_t* listed, int32_t* count);

// Sets `dead` and, of the record, dead and auxiliary_k = min(width, dead). What fired must have been marked where the
// batch is counted in.
void FindDead(cudaStream_t stream, const DeviceFiring& firing, int64_t rows, int64_t width, StepRecord* record);

// Sets dead_after and candidates_after of the record. What fired must have been marked.
void LookAhead(cudaStream_t stream, const DeviceFiring& firing, int64_t rows, StepRecord* record);

// Counts the batch in.
void EndBatch(cudaStream_t stream, const DeviceFiring& firing, int64_t rows);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_DEVICE_FIRING_H_
