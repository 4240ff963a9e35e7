#include <thrust/iterator/counting_iterator.h>

#include <cub/device/device_select.cuh>

#include "sae/arch/cuda/device_firing.h"

namespace seedbed {
namespace {

constexpr int kThreads = 256;

__device__ int64_t Latent() { return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; }

__device__ bool IsCandidate(const DeviceFiring& firing, int64_t rows_since, int64_t rows) {
  return firing.counts_batch ? rows_since + rows >= firing.dead_after : rows_since > firing.dead_after;
}

__device__ int64_t RowsSinceAfter(const DeviceFiring& firing, int64_t latent, int64_t rows) {
  return firing.fired[latent] != 0 ? 0 : firing.rows_since[latent] + rows;
}

__global__ void MarkFiredKernel(uint8_t* fired, DeviceEntries entries, bool zeros) {
  const int64_t row = blockIdx.x;
  const int32_t start = entries.starts[row];
  const int32_t end = zeros ? entries.starts[row + 1] : start + entries.counts[row];
  for (int32_t e = start + static_cast<int32_t>(threadIdx.x); e < end; e += blockDim.x) fired[entries.latents[e]] = 1;
}

__global__ void CandidatesKernel(DeviceFiring firing, int64_t rows) {
  const int64_t i = Latent();
  if (i < firing.latents) firing.candidate[i] = IsCandidate(firing, firing.rows_since[i], rows) ? 1 : 0;
}

__global__ void DeadKernel(DeviceFiring firing, int64_t rows, StepRecord* record) {
  const int64_t i = Latent();
  if (i >= firing.latents) return;
  const int64_t since = firing.rows_since[i];
  const bool is_dead = IsCandidate(firing, since, rows) && !(firing.counts_batch && firing.fired[i] != 0);
  firing.dead[i] = is_dead ? 1 : 0;
  if (is_dead) atomicAdd(&record->dead, 1);
}

__global__ void AuxiliaryKKernel(int64_t width, StepRecord* record) {
  record->auxiliary_k = static_cast<int32_t>(min(width, static_cast<int64_t>(record->dead)));
}

__global__ void LookAheadKernel(DeviceFiring firing, int64_t rows, StepRecord* record) {
  const int64_t i = Latent();
  if (i >= firing.latents) return;
  const int64_t since = RowsSinceAfter(firing, i, rows);
  if (since > firing.dead_after) atomicAdd(&record->dead_after, 1);
  if (IsCandidate(firing, since, rows)) atomicAdd(&record->candidates_after, 1);
}

__global__ void EndBatchKernel(DeviceFiring firing, int64_t rows) {
  const int64_t i = Latent();
  if (i < firing.latents) firing.rows_since[i] = RowsSinceAfter(firing, i, rows);
}

unsigned Blocks(int64_t latents) { return static_cast<unsigned>((latents + kThreads - 1) / kThreads); }

}  // namespace

void MarkFired(cudaStream_t stream, const DeviceFiring& firing, const DeviceEntries& entries, bool zeros) {
  cudaMemsetAsync(firing.fired, 0, static_cast<size_t>(firing.latents), stream);
  MarkFiredKernel<<<static_cast<unsigned>(entries.rows), kThreads, 0, stream>>>(firing.fired, entries, zeros);
}

void FindCandidates(cudaStream_t stream, const DeviceFiring& firing, int64_t rows) {
  CandidatesKernel<<<Blocks(firing.latents), kThreads, 0, stream>>>(firing, rows);
}

size_t ListingBytes(int64_t latents) {
  size_t bytes = 0;
  const uint8_t* flags = nullptr;
  int32_t* out = nullptr;
  cub::DeviceSelect::Flagged(nullptr, bytes, thrust::counting_iterator<int32_t>(0), flags, out, out,
                             static_cast<int>(latents));
  return bytes;
}

void ListCandidates(cudaStream_t stream, const DeviceFiring& firing, void* scratch, size_t scratch_bytes,
                    int32_t* listed, int32_t* count) {
  cub::DeviceSelect::Flagged(scratch, scratch_bytes, thrust::counting_iterator<int32_t>(0), firing.candidate, listed,
                             count, static_cast<int>(firing.latents), stream);
}

void FindDead(cudaStream_t stream, const DeviceFiring& firing, int64_t rows, int64_t width, StepRecord* record) {
  DeadKernel<<<Blocks(firing.latents), kThreads, 0, stream>>>(firing, rows, record);
  AuxiliaryKKernel<<<1, 1, 0, stream>>>(width, record);
}

void LookAhead(cudaStream_t stream, const DeviceFiring& firing, int64_t rows, StepRecord* record) {
  LookAheadKernel<<<Blocks(firing.latents), kThreads, 0, stream>>>(firing, rows, record);
}

void EndBatch(cudaStream_t stream, const DeviceFiring& firing, int64_t rows) {
  EndBatchKernel<<<Blocks(firing.latents), kThreads, 0, stream>>>(firing, rows);
}

}  // namespace seedbed
