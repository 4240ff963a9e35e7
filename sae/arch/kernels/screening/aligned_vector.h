// A vector whose elements begin at a multiple of 64 bytes, as rows have to.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_ALIGNED_VECTOR_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_ALIGNED_VECTOR_H_

#include <cstddef>
#include <new>
#include <vector>

namespace seedbed {

template <typename T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};

  CacheLineAllocator() = default;
  template <typename U>
  CacheLineAllocator(const CacheLineAllocator<U>& /*other*/) {}

  T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kAlignment)); }
  void deallocate(T* memory, size_t /*count*/) { ::operator delete(memory, kAlignment); }
};

template <typename T, typename U>
bool operator==(const CacheLineAllocator<T>& /*a*/, const CacheLineAllocator<U>& /*b*/) {
  return true;
}
template <typename T, typename U>
bool operator!=(const CacheLineAllocator<T>& /*a*/, const CacheLineAllocator<U>& /*b*/) {
  return false;
}

template <typename T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_ALIGNED_VECTOR_H_
