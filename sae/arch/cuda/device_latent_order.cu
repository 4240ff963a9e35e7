#include <cub/device/device_radix_sort.cuh>

#include "sae/arch/cuda/block_sum.cuh"
#include "sae/arch/cuda/device_latent_order.h"

namespace seedbed {
namespace {

constexpr int kThreads = 256;

// Keys are latents and, of places without an entry, n.
int KeyBits(int64_t latents) {
  int bits = 1;
  while ((int64_t{1} << bits) <= latents) ++bits;
  return bits;
}

__global__ void FillKeysKernel(DeviceEntries entries, int32_t latents, LatentOrderScratch scratch) {
  const int64_t row = blockIdx.x;
  const int32_t start = entries.starts[row];
  // Behind the last row there may be places that are none's.
  const bool is_last = row + 1 == entries.rows;
  const auto end = is_last ? static_cast<int32_t>(entries.places) : entries.starts[row + 1];
  const int32_t count = entries.counts[row];
  for (int32_t place = start + static_cast<int32_t>(threadIdx.x); place < end; place += blockDim.x) {
    scratch.keys[place] = place - start < count ? entries.latents[place] : latents;
    scratch.places[place] = place;
    scratch.rows[place] = static_cast<int32_t>(row);
  }
}

__global__ void FindStartsKernel(const int32_t* keys, int32_t places, int64_t latents, int32_t* starts) {
  const int64_t latent = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (latent > latents) return;
  int32_t begin = 0;
  int32_t end = places;
  while (begin < end) {
    const int32_t middle = begin + (end - begin) / 2;
    if (keys[middle] < latent) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  starts[latent] = begin;
}

__global__ void GatherKernel(DeviceEntries entries, int64_t latents, LatentOrderScratch scratch,
                             DeviceLatentEntries ordered) {
  const int64_t place = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (place >= ordered.starts[latents]) return;
  const int32_t from = scratch.ordered_places[place];
  ordered.rows[place] = scratch.rows[from];
  ordered.values[place] = entries.values[from];
  ordered.gradients[place] = entries.gradients[from];
}

__global__ void AddGradientsKernel(DeviceLatentEntries entries, int64_t latents, float* sums) {
  const int64_t latent = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
  if (latent >= latents) return;
  const int32_t end = entries.starts[latent + 1];
  float own = 0;
  for (int32_t e = entries.starts[latent] + static_cast<int32_t>(threadIdx.x % kWarp); e < end; e += kWarp) {
    own += entries.gradients[e];
  }
  const float sum = WarpSum(own);
  if (threadIdx.x % kWarp == 0) sums[latent] += sum;
}

unsigned Blocks(int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

}  // namespace

size_t SortingBytes(int64_t places, int64_t latents) {
  size_t bytes = 0;
  const int32_t* in = nullptr;
  int32_t* out = nullptr;
  cub::DeviceRadixSort::SortPairs(nullptr, bytes, in, out, in, out, static_cast<int>(places), 0, KeyBits(latents));
  return bytes;
}

void OrderByLatent(cudaStream_t stream, const DeviceEntries& entries, int64_t latents,
                   const LatentOrderScratch& scratch, const DeviceLatentEntries& ordered) {
  const auto places = static_cast<int32_t>(entries.places);
  FillKeysKernel<<<static_cast<unsigned>(entries.rows), kThreads, 0, stream>>>(entries, static_cast<int32_t>(latents),
                                                                               scratch);
  size_t bytes = scratch.sorting_bytes;
  cub::DeviceRadixSort::SortPairs(scratch.sorting, bytes, scratch.keys, scratch.ordered_keys, scratch.places,
                                  scratch.ordered_places, places, 0, KeyBits(latents), stream);
  FindStartsKernel<<<Blocks(latents + 1), kThreads, 0, stream>>>(scratch.ordered_keys, places, latents, ordered.starts);
  GatherKernel<<<Blocks(places), kThreads, 0, stream>>>(entries, latents, scratch, ordered);
}

void AddLatentGradients(cudaStream_t stream, const DeviceLatentEntries& entries, int64_t latents, float* sums) {
  AddGradientsKernel<<<Blocks(latents * kWarp), kThreads, 0, stream>>>(entries, latents, sums);
}

}  // namespace seedbed
