#include "sae/arch/cuda/ordered_places.cuh"
#include "sae/arch/cuda/rank_keys.cuh"
#include "sae/arch/cuda/row_selection.h"

namespace seedbed {
namespace {

constexpr int kThreads = kSelectionThreads;
constexpr int kMostCandidates = 1024;
// With fewer groups than twice k their k-th maximum is a bound that too many candidates reach.
constexpr int kMostBounded = kThreads / 2;
constexpr int kDigitBits = 8;
constexpr int kDigits = 1 << kDigitBits;
static_assert(kDigits == kThreads, "each thread counts one digit");

struct CandidateList {
  uint32_t keys[kMostCandidates];
  int32_t columns[kMostCandidates];
  bool kept[kMostCandidates];
};

union SelectionStorage {
  uint32_t group_maxima[kThreads];
  CandidateList candidates;
  struct {
    uint32_t counts[kDigits];
    OrderedPlaces::Storage scan;
  } radix;
  OrderedPlaces::Storage places;
};

// What exactly k candidates reach: all above the key, and the first `ties` that are equal to it.
struct Threshold {
  uint32_t key;
  int32_t ties;
};

// One row of a selection.
class RowSelector {
 public:
  __device__ RowSelector(const DevicePreActivations& pre, const DeviceRowSelection& selection,
                         SelectionStorage* storage, uint32_t* broadcast)
      : pre_(pre),
        selection_(selection),
        storage_(storage),
        broadcast_(broadcast),
        row_(pre.values + blockIdx.x * pre.stride),
        batch_row_(pre.first_row + blockIdx.x),
        start_(selection.entries.starts[batch_row_]),
        k_(selection.fewer == nullptr ? static_cast<int32_t>(selection.k) : *selection.fewer) {}

  __device__ void Select() {
    if (k_ == 0) {
      SetCount(0);
      return;
    }
    const uint32_t bound = k_ <= kMostBounded ? GroupBound() : 1;
    if (k_ <= kMostBounded) {
      const int32_t found = CollectCandidates(bound);
      if (found <= kMostCandidates && (found >= k_ || !selection_.fills)) {
        KeepCandidates(found);
        return;
      }
    }
    SelectByThreshold(FindThreshold());
  }

 private:
  __device__ RankedActivation At(int64_t column) const { return RankedAt(pre_, row_, column); }

  // Shared by all threads.
  __device__ uint32_t Broadcast(bool has_it, uint32_t value) {
    __syncthreads();
    if (has_it) *broadcast_ = value;
    __syncthreads();
    return *broadcast_;
  }

  __device__ void SetCount(int32_t count) {
    if (threadIdx.x == 0) selection_.entries.counts[batch_row_] = count;
  }

  __device__ void Write(int32_t place, int64_t column, float value) {
    const int32_t latent = pre_.column_latents == nullptr ? static_cast<int32_t>(column) : pre_.column_latents[column];
    selection_.entries.latents[start_ + place] = latent;
    selection_.entries.values[start_ + place] = value;
  }

  // At least k candidates reach it, or all do.
  __device__ uint32_t GroupBound() {
    uint32_t largest = 0;
    for (int64_t column = threadIdx.x; column < pre_.columns; column += kThreads) {
      largest = max(largest, At(column).key);
    }
    uint32_t* maxima = storage_->group_maxima;
    maxima[threadIdx.x] = largest;
    __syncthreads();
    int32_t greater = 0;
    int32_t equal = 0;
    for (int group = 0; group < kThreads; ++group) {
      greater += static_cast<int32_t>(maxima[group] > largest);
      equal += static_cast<int32_t>(maxima[group] == largest);
    }
    return Broadcast(greater < k_ && greater + equal >= k_, max(largest, 1u));
  }

  // In no order. Returns how many there are, of which the list holds no more than it has room for.
  __device__ int32_t CollectCandidates(uint32_t bound) {
    CandidateList& list = storage_->candidates;
    Broadcast(threadIdx.x == 0, 0);
    for (int64_t column = threadIdx.x; column < pre_.columns; column += kThreads) {
      const uint32_t key = At(column).key;
      if (key < bound) continue;
      const uint32_t slot = atomicAdd(broadcast_, 1u);
      if (slot >= kMostCandidates) continue;
      list.keys[slot] = key;
      list.columns[slot] = static_cast<int32_t>(column);
    }
    __syncthreads();
    const auto found = static_cast<int32_t>(*broadcast_);
    __syncthreads();
    return found;
  }

  // The k largest of the list, or all of it.
  __device__ void KeepCandidates(int32_t found) {
    CandidateList& list = storage_->candidates;
    for (int32_t c = threadIdx.x; c < found; c += kThreads) {
      int32_t rank = 0;
      for (int32_t other = 0; other < found; ++other) {
        const bool ties_lower = list.keys[other] == list.keys[c] && list.columns[other] < list.columns[c];
        rank += static_cast<int32_t>(list.keys[other] > list.keys[c] || ties_lower);
      }
      list.kept[c] = rank < k_;
    }
    __syncthreads();
    for (int32_t c = threadIdx.x; c < found; c += kThreads) {
      if (!list.kept[c]) continue;
      int32_t place = 0;
      for (int32_t other = 0; other < found; ++other) {
        place += static_cast<int32_t>(list.kept[other] && list.columns[other] < list.columns[c]);
      }
      Write(place, list.columns[c], At(list.columns[c]).value);
    }
    SetCount(min(found, k_));
  }

  // Digit by digit from the highest. Columns that are no candidates count, too: they have the key 0.
  __device__ Threshold FindThreshold() {
    uint32_t prefix = 0;
    uint32_t mask = 0;
    auto wanted = static_cast<uint32_t>(k_);
    for (int shift = 32 - kDigitBits; shift >= 0; shift -= kDigitBits) {
      uint32_t* counts = storage_->radix.counts;
      __syncthreads();
      counts[threadIdx.x] = 0;
      __syncthreads();
      for (int64_t column = threadIdx.x; column < pre_.columns; column += kThreads) {
        const uint32_t key = At(column).key;
        if ((key & mask) == prefix) atomicAdd(&counts[(key >> shift) % kDigits], 1u);
      }
      __syncthreads();
      const uint32_t digit = kDigits - 1 - threadIdx.x;
      const uint32_t count = counts[digit];
      uint32_t above = 0;
      OrderedPlaces::Scan(storage_->radix.scan).ExclusiveSum(count, above);
      const bool is_here = above < wanted && above + count >= wanted;
      prefix |= Broadcast(is_here, digit) << shift;
      mask |= static_cast<uint32_t>(kDigits - 1) << shift;
      wanted -= Broadcast(is_here, above);
    }
    return {prefix, static_cast<int32_t>(wanted)};
  }

  __device__ void SelectByThreshold(Threshold threshold) {
    // The threshold 0 means that there are fewer than k candidates.
    const int32_t candidates = WriteReaching({threshold.key, threshold.key == 0 ? 0 : threshold.ties});
    int32_t count = candidates;
    if (threshold.key == 0 && selection_.fills) {
      // A decoder row of norm 0 ranks its latent last, whatever its activation.
      count += WriteZeros(threshold.ties, candidates, /*positive=*/true);
      WriteZeros(threshold.ties, count, /*positive=*/false);
    }
    SetCount(count);
  }

  // Returns how many were written.
  __device__ int32_t WriteReaching(Threshold threshold) {
    OrderedPlaces places(&storage_->places);
    for (int64_t base = 0; base < pre_.columns; base += kThreads) {
      const int64_t column = base + threadIdx.x;
      const RankedActivation own = column < pre_.columns ? At(column) : RankedActivation{0, 0};
      const bool greater = own.key > threshold.key;
      const bool equal = column < pre_.columns && own.key == threshold.key;
      const ThresholdCounts before = places.Next(greater, equal);
      if (!greater && !(equal && before.equal < threshold.ties)) continue;
      Write(before.greater + min(before.equal, threshold.ties), column, own.value);
    }
    return places.seen().greater + min(places.seen().equal, threshold.ties);
  }

  // Of the first `count` columns that are no candidates those with an activation above 0, or the others, from `place`
  // on. Returns how many.
  __device__ int32_t WriteZeros(int32_t count, int32_t place, bool positive) {
    OrderedPlaces zeros(&storage_->places);
    OrderedPlaces chosen(&storage_->places);
    for (int64_t base = 0; base < pre_.columns && zeros.seen().equal < count; base += kThreads) {
      const int64_t column = base + threadIdx.x;
      const RankedActivation own = column < pre_.columns ? At(column) : RankedActivation{1, 0};
      const bool is_zero = own.key == 0;
      const ThresholdCounts zeros_before = zeros.Next(false, is_zero);
      const bool is_chosen = is_zero && zeros_before.equal < count && (own.value > 0) == positive;
      const ThresholdCounts before = chosen.Next(is_chosen, false);
      if (is_chosen) Write(place + before.greater, column, own.value);
    }
    return chosen.seen().greater;
  }

  const DevicePreActivations& pre_;
  const DeviceRowSelection& selection_;
  SelectionStorage* const storage_;
  uint32_t* const broadcast_;
  const float* const row_;
  const int64_t batch_row_;
  const int32_t start_;
  const int32_t k_;
};

__global__ __launch_bounds__(kThreads) void SelectKernel(DevicePreActivations pre, DeviceRowSelection selection) {
  __shared__ SelectionStorage storage;
  __shared__ uint32_t broadcast;
  RowSelector(pre, selection, &storage, &broadcast).Select();
}

}  // namespace

void SelectLargestOfRows(cudaStream_t stream, const DevicePreActivations& pre, const DeviceRowSelection& selection) {
  SelectKernel<<<static_cast<unsigned>(pre.rows), kThreads, 0, stream>>>(pre, selection);
}

}  // namespace seedbed
