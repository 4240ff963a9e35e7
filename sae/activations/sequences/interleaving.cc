#include "sae/activations/sequences/interleaving.h"

#include <numeric>
#include <utility>

namespace seedbed {
namespace {

using Wide = unsigned __int128;

Wide Product(int64_t a, int64_t b) { return static_cast<Wide>(a) * static_cast<Wide>(b); }

}  // namespace

Interleaving::Interleaving(std::vector<int64_t> lengths)
    : lengths_(std::move(lengths)), size_(std::accumulate(lengths_.begin(), lengths_.end(), int64_t{0})) {}

Interleaving::Place Interleaving::At(int64_t index) const {
  if (lengths_.size() == 1) return {0, index};
  std::vector<int64_t> taken = TakenBefore(index);
  int64_t left = index - std::accumulate(taken.begin(), taken.end(), int64_t{0});
  size_t list = NextList(taken);
  for (; left > 0; --left) {
    ++taken[list];
    list = NextList(taken);
  }
  return {list, taken[list]};
}

std::vector<int64_t> Interleaving::TakenBefore(int64_t index) const {
  std::vector<int64_t> taken(lengths_.size(), 0);
  // Twice the index less half the number of lists. Over 2 N it is the time; until it list j has had
  // floor(n_j time + 1/2) elements.
  const int64_t doubled = 2 * index - static_cast<int64_t>(lengths_.size());
  if (doubled <= 0) return taken;
  for (size_t j = 0; j < lengths_.size(); ++j) {
    const Wide halves = Product(doubled, lengths_[j]) + static_cast<Wide>(size_);
    taken[j] = static_cast<int64_t>(halves / (2 * static_cast<Wide>(size_)));
  }
  return taken;
}

size_t Interleaving::NextList(const std::vector<int64_t>& taken) const {
  size_t next = lengths_.size();
  for (size_t j = 0; j < lengths_.size(); ++j) {
    if (taken[j] == lengths_[j]) continue;
    // (2 taken_j + 1) / (2 n_j) < (2 taken_next + 1) / (2 n_next), without the division.
    if (next == lengths_.size() ||
        Product(2 * taken[j] + 1, lengths_[next]) < Product(2 * taken[next] + 1, lengths_[j])) {
      next = j;
    }
  }
  return next;
}

}  // namespace seedbed
