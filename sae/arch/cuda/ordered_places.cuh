// Places for what is kept of a sequence that a block walks through, in its order.
#ifndef SEEDBED_SAE_ARCH_CUDA_ORDERED_PLACES_CUH_
#define SEEDBED_SAE_ARCH_CUDA_ORDERED_PLACES_CUH_

#include <cstdint>
#include <cub/block/block_scan.cuh>

namespace seedbed {

inline constexpr int kSelectionThreads = 256;

// How many of the elements so far were greater than a threshold, and how many equal to it.
struct ThresholdCounts {
  int32_t greater = 0;
  int32_t equal = 0;
};

// Of a block of kSelectionThreads threads, each of which holds one element of the next kSelectionThreads.
class OrderedPlaces {
 public:
  using Scan = cub::BlockScan<uint32_t, kSelectionThreads>;
  using Storage = Scan::TempStorage;

  __device__ explicit OrderedPlaces(Storage* storage) : storage_(storage) {}

  // What was before this thread's element. All threads must call it.
  __device__ ThresholdCounts Next(bool greater, bool equal) {
    constexpr uint32_t kEqual = 1u << 16;
    uint32_t before = 0;
    uint32_t all = 0;
    __syncthreads();  // The storage's last use is over.
    Scan(*storage_).ExclusiveSum((greater ? 1u : 0u) + (equal ? kEqual : 0u), before, all);
    const ThresholdCounts own = {seen_.greater + static_cast<int32_t>(before % kEqual),
                                 seen_.equal + static_cast<int32_t>(before / kEqual)};
    seen_.greater += static_cast<int32_t>(all % kEqual);
    seen_.equal += static_cast<int32_t>(all / kEqual);
    return own;
  }

  // Of all elements so far; the same in all threads.
  __device__ const ThresholdCounts& seen() const { return seen_; }

 private:
  Storage* const storage_;
  ThresholdCounts seen_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_ORDERED_PLACES_CUH_
