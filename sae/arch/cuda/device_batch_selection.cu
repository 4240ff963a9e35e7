#include <cub/device/device_scan.cuh>

#include "sae/arch/cuda/block_sum.cuh"
#include "sae/arch/cuda/device_batch_selection.h"
#include "sae/arch/cuda/ordered_places.cuh"
#include "sae/arch/cuda/rank_keys.cuh"

namespace seedbed {
namespace {

constexpr int kThreads = kSelectionThreads;
constexpr int kDigitBits = 8;
constexpr int kDigits = BatchSelectionState::kDigits;
static_assert(kDigits == kThreads, "each thread counts one digit");
// Of the last threshold: how far it may fall from batch to batch before the first tile has to be searched.
constexpr float kGuess = 0.85f;

// How many are above a threshold and how many equal to it, as one number that can be summed.
constexpr int kGreaterShift = 32;
__device__ uint64_t Packed(bool greater, bool equal) {
  return (greater ? uint64_t{1} << kGreaterShift : 0) + (equal ? 1 : 0);
}
__device__ int32_t GreaterIn(uint64_t packed) { return static_cast<int32_t>(packed >> kGreaterShift); }
__device__ int32_t EqualIn(uint64_t packed) { return static_cast<int32_t>(packed & 0xffffffffu); }

// Reaching it: all above the key, and of those equal to it the first `ties`.
struct Threshold {
  uint32_t key;
  int32_t ties;
};

// What the tile's activations have to reach. Without a search all that reach the bound do.
__device__ Threshold TileThreshold(const BatchSelectionState& state) {
  if (state.searching != 0) return {state.prefix, state.prefix == 0 ? 0 : state.wanted};
  return {state.bound - 1, 0};
}

__global__ void BeginKernel(BatchSelectionState* state) {
  if (threadIdx.x == 0) {
    state->size = 0;
    state->bound = max(state->guess, 1u);
    state->searching = 0;
    state->blocks_done = 0;
  }
  state->counts[threadIdx.x] = 0;
}

__global__ void CountRowsKernel(BatchSelectionState* state, DevicePreActivations pre, uint64_t* row_counts,
                                bool after_search) {
  if (after_search && state->searching == 0) return;
  const Threshold threshold = TileThreshold(*state);
  const float* row = pre.values + blockIdx.x * pre.stride;
  uint64_t own = 0;
  for (int64_t column = threadIdx.x; column < pre.columns; column += kThreads) {
    const uint32_t key = RankedAt(pre, row, column).key;
    own += Packed(key > threshold.key, threshold.ties > 0 && key == threshold.key);
  }
  const uint64_t total = BlockSum(own);
  if (threadIdx.x == 0) row_counts[blockIdx.x] = total;
}

__device__ void BeginSearch(int64_t wanted, BatchSelectionState* state) {
  state->searching = 1;
  state->prefix = 0;
  state->mask = 0;
  state->wanted = static_cast<int32_t>(wanted);
}

// Whether the tile's activations that reach the bound are taken as they are, or the threshold is searched for.
__global__ void DecideKernel(BatchSelectionState* state, const uint64_t* row_counts, int64_t rows, int64_t count,
                             int64_t capacity, bool is_first_tile) {
  int64_t own = 0;
  for (int64_t row = threadIdx.x; row < rows; row += kThreads) own += GreaterIn(row_counts[row]);
  const int64_t reaching = BlockSum(own);
  if (threadIdx.x != 0) return;
  const bool is_guessed_too_high = is_first_tile && state->bound > 1 && reaching < count;
  if (state->size + reaching > capacity || is_guessed_too_high) BeginSearch(count, state);
  if (state->searching != 0) state->bound = 1;
}

// The last block to come here finds the threshold's next digit.
__device__ void FindDigit(int shift, BatchSelectionState* state, OrderedPlaces::Storage* storage) {
  __shared__ bool is_last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) is_last = atomicAdd(&state->blocks_done, 1) + 1 == static_cast<int32_t>(gridDim.x);
  __syncthreads();
  if (!is_last) return;
  const uint32_t digit = kDigits - 1 - threadIdx.x;
  const auto wanted = static_cast<uint32_t>(state->wanted);
  const auto count = static_cast<uint32_t>(atomicExch(&state->counts[digit], 0));
  uint32_t above = 0;
  OrderedPlaces::Scan(*storage).ExclusiveSum(count, above);
  __syncthreads();  // All have read what one of them changes.
  if (above < wanted && above + count >= wanted) {
    state->prefix |= digit << shift;
    state->wanted = static_cast<int32_t>(wanted - above);
  }
  if (threadIdx.x != 0) return;
  state->mask |= static_cast<uint32_t>(kDigits - 1) << shift;
  state->blocks_done = 0;
}

// Counts one digit of all keys that begin as the threshold does: of the tile's, one row a block, and of the
// candidates'. Keys of 0 count, too, so that a threshold of 0 says that there are too few others.
__global__ void DigitKernel(BatchSelectionState* state, DevicePreActivations pre, const uint32_t* keys, int shift) {
  __shared__ int32_t counts[kDigits];
  __shared__ OrderedPlaces::Storage storage;
  if (state->searching == 0) return;
  counts[threadIdx.x] = 0;
  __syncthreads();
  const uint32_t prefix = state->prefix;
  const uint32_t mask = state->mask;
  const auto count = [&](uint32_t key) {
    if ((key & mask) == prefix) atomicAdd(&counts[(key >> shift) % kDigits], 1);
  };
  for (int64_t r = blockIdx.x; r < pre.rows; r += gridDim.x) {
    const float* row = pre.values + r * pre.stride;
    for (int64_t column = threadIdx.x; column < pre.columns; column += kThreads) count(RankedAt(pre, row, column).key);
  }
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t c = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; c < state->size; c += stride) {
    count(keys[c]);
  }
  __syncthreads();
  if (counts[threadIdx.x] > 0) atomicAdd(&state->counts[threadIdx.x], counts[threadIdx.x]);
  FindDigit(shift, state, &storage);
}

// row_counts[r] becomes what the rows before r have, row_counts[rows] what all have. One block.
__global__ void ScanRowsKernel(uint64_t* row_counts, int64_t rows) {
  using Scan = cub::BlockScan<uint64_t, kThreads>;
  __shared__ Scan::TempStorage storage;
  uint64_t before = 0;
  for (int64_t base = 0; base < rows; base += kThreads) {
    const int64_t row = base + threadIdx.x;
    uint64_t start = 0;
    uint64_t all = 0;
    Scan(storage).ExclusiveSum(row < rows ? row_counts[row] : 0, start, all);
    __syncthreads();
    if (row < rows) row_counts[row] = before + start;
    before += all;
  }
  if (threadIdx.x == 0) row_counts[rows] = before;
}

// One row a block, behind the candidates that there are.
__global__ void AppendKernel(const BatchSelectionState* state, DevicePreActivations pre, const uint64_t* row_counts,
                             BatchCandidates candidates) {
  __shared__ OrderedPlaces::Storage storage;
  const uint64_t start = row_counts[blockIdx.x];
  if (row_counts[blockIdx.x + 1] == start) return;
  const Threshold threshold = TileThreshold(*state);
  const int32_t ties_left = max(0, threshold.ties - EqualIn(start));
  const int32_t first = state->size + GreaterIn(start) + min(EqualIn(start), threshold.ties);
  const float* row = pre.values + blockIdx.x * pre.stride;
  OrderedPlaces places(&storage);
  for (int64_t base = 0; base < pre.columns; base += kThreads) {
    const int64_t column = base + threadIdx.x;
    const RankedActivation own = column < pre.columns ? RankedAt(pre, row, column) : RankedActivation{0, 0};
    const bool greater = own.key > threshold.key;
    const bool equal = ties_left > 0 && own.key == threshold.key;
    const ThresholdCounts before = places.Next(greater, equal);
    if (!greater && !(equal && before.equal < ties_left)) continue;
    const int32_t place = first + before.greater + min(before.equal, ties_left);
    candidates.keys[place] = own.key;
    candidates.rows[place] = static_cast<int32_t>(pre.first_row + blockIdx.x);
    candidates.latents[place] = static_cast<int32_t>(column);
    candidates.values[place] = own.value;
  }
}

// Counts the tile's in, and begins the search for the threshold of the largest.
__global__ void EndTileKernel(BatchSelectionState* state, const uint64_t* row_counts, int64_t rows, int64_t count) {
  const uint64_t all = row_counts[rows];
  state->size += GreaterIn(all) + min(EqualIn(all), TileThreshold(*state).ties);
  state->searching = 0;
  if (state->size > count) BeginSearch(count, state);
}

__global__ void MarkKernel(const BatchSelectionState* state, const uint32_t* keys, int64_t capacity, uint64_t* marks) {
  const int64_t c = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (c >= capacity) return;
  const bool is_one = c < state->size;
  // Without a search all are kept.
  const uint32_t threshold = state->searching != 0 ? state->prefix : 0;
  marks[c] = Packed(is_one && keys[c] > threshold, is_one && keys[c] == threshold);
}

__global__ void CompactKernel(const BatchSelectionState* state, BatchCandidates from, const uint64_t* before,
                              BatchCandidates to) {
  const int64_t c = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (c >= state->size) return;
  const bool searched = state->searching != 0;
  const uint32_t threshold = searched ? state->prefix : 0;
  const int32_t ties = searched ? state->wanted : 0;
  const uint32_t key = from.keys[c];
  if (key < threshold || (key == threshold && EqualIn(before[c]) >= ties)) return;
  const int32_t place = GreaterIn(before[c]) + min(EqualIn(before[c]), ties);
  to.keys[place] = key;
  to.rows[place] = from.rows[c];
  to.latents[place] = from.latents[c];
  to.values[place] = from.values[c];
}

__global__ void EndSearchKernel(BatchSelectionState* state, int64_t count, bool is_first_tile) {
  const bool is_full = state->searching != 0;
  if (is_full) {
    state->size = static_cast<int32_t>(count);
    state->bound = state->prefix;
  } else {
    state->bound = 1;
  }
  if (is_first_tile) state->guess = is_full ? __float_as_uint(kGuess * __uint_as_float(state->prefix)) : 0;
  state->searching = 0;
}

__global__ void StartsKernel(const BatchSelectionState* state, const int32_t* rows, DeviceEntries entries) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (row > entries.rows) return;
  const auto first_of = [&](int64_t wanted) {
    int32_t begin = 0;
    int32_t end = state->size;
    while (begin < end) {
      const int32_t middle = begin + (end - begin) / 2;
      if (rows[middle] < wanted) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    return begin;
  };
  entries.starts[row] = first_of(row);
  if (row < entries.rows) entries.counts[row] = first_of(row + 1) - first_of(row);
}

unsigned Blocks(int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

void FindThreshold(cudaStream_t stream, BatchSelectionState* state, const DevicePreActivations& pre,
                   const uint32_t* keys) {
  constexpr unsigned kBlocks = 512;
  for (int shift = 32 - kDigitBits; shift >= 0; shift -= kDigitBits) {
    DigitKernel<<<kBlocks, kThreads, 0, stream>>>(state, pre, keys, shift);
  }
}

}  // namespace

size_t DeviceBatchSelection::ScratchBytes(int64_t count) {
  size_t bytes = 0;
  uint64_t* places = nullptr;
  cub::DeviceScan::ExclusiveSum(nullptr, bytes, places, places, static_cast<int>(Capacity(count)));
  return bytes;
}

void DeviceBatchSelection::Begin(cudaStream_t stream) {
  tiles_ = 0;
  current_ = 0;
  BeginKernel<<<1, kThreads, 0, stream>>>(memory_.state);
}

void DeviceBatchSelection::Add(cudaStream_t stream, const DevicePreActivations& pre) {
  const auto rows = static_cast<unsigned>(pre.rows);
  const BatchCandidates& candidates = memory_.candidates[current_];
  CountRowsKernel<<<rows, kThreads, 0, stream>>>(memory_.state, pre, memory_.row_counts, /*after_search=*/false);
  DecideKernel<<<1, kThreads, 0, stream>>>(memory_.state, memory_.row_counts, pre.rows, count_, Capacity(count_),
                                           tiles_ == 0);
  FindThreshold(stream, memory_.state, pre, candidates.keys);
  CountRowsKernel<<<rows, kThreads, 0, stream>>>(memory_.state, pre, memory_.row_counts, /*after_search=*/true);
  ScanRowsKernel<<<1, kThreads, 0, stream>>>(memory_.row_counts, pre.rows);
  AppendKernel<<<rows, kThreads, 0, stream>>>(memory_.state, pre, memory_.row_counts, candidates);
  EndTileKernel<<<1, 1, 0, stream>>>(memory_.state, memory_.row_counts, pre.rows, count_);
  KeepLargest(stream);
  ++tiles_;
}

void DeviceBatchSelection::KeepLargest(cudaStream_t stream) {
  const BatchCandidates& from = memory_.candidates[current_];
  const int64_t capacity = Capacity(count_);
  FindThreshold(stream, memory_.state, DevicePreActivations{}, from.keys);
  MarkKernel<<<Blocks(capacity), kThreads, 0, stream>>>(memory_.state, from.keys, capacity, memory_.places);
  size_t bytes = memory_.scratch_bytes;
  cub::DeviceScan::ExclusiveSum(memory_.scratch, bytes, memory_.places, memory_.places, static_cast<int>(capacity),
                                stream);
  current_ = 1 - current_;
  CompactKernel<<<Blocks(capacity), kThreads, 0, stream>>>(memory_.state, from, memory_.places,
                                                           memory_.candidates[current_]);
  EndSearchKernel<<<1, 1, 0, stream>>>(memory_.state, count_, tiles_ == 0);
}

void DeviceBatchSelection::Finish(cudaStream_t stream, DeviceEntries* entries) {
  const BatchCandidates& candidates = memory_.candidates[current_];
  StartsKernel<<<Blocks(entries->rows + 1), kThreads, 0, stream>>>(memory_.state, candidates.rows, *entries);
  entries->latents = candidates.latents;
  entries->values = candidates.values;
}

}  // namespace seedbed
