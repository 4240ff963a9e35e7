// Several lists dealt out as one, evenly and in an order that is computed where it is asked and kept nowhere.
#ifndef SEEDBED_SAE_ACTIVATIONS_SEQUENCES_INTERLEAVING_H_
#define SEEDBED_SAE_ACTIVATIONS_SEQUENCES_INTERLEAVING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace seedbed {

// Stride scheduling (Waldspurger & Weihl 1995): the k-th element of list j, which has n_j, comes at time
// (2k + 1) / (2 n_j); elements are in the order of time, and of j where times are equal. Element i of the whole is the
// i-th of them.
//
// Of J lists in whole, any prefix of p elements has p n_j / N of list j, N = sum of n_j, to within
// 1/2 + (J - 2) / 2 * n_j / N elements: with two lists half an element. (At time t list j has had t n_j elements to
// within 1/2, and so all lists together t N to within J / 2.)
//
// Exact: all comparisons are of 128-bit integers. Immutable.
class Interleaving {
 public:
  // At least one list; no length is negative, and their sum is from 1 to 2^62.
  explicit Interleaving(std::vector<int64_t> lengths);

  struct Place {
    size_t list = 0;
    int64_t index = 0;  // In the list.
  };

  int64_t size() const { return size_; }

  // 0 <= index < size(). Takes time in the square of the number of lists at most.
  Place At(int64_t index) const;

 private:
  // By list: how many elements come up to a time at which it is certain that no more than `index` have come, nor fewer
  // than `index` less the number of lists.
  std::vector<int64_t> TakenBefore(int64_t index) const;

  // The list of which the next element comes, of those that have any left.
  size_t NextList(const std::vector<int64_t>& taken) const;

  std::vector<int64_t> lengths_;
  int64_t size_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SEQUENCES_INTERLEAVING_H_
