#include "server/scheduler/mixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace seedbed {

std::vector<int64_t> DivideSequences(int64_t sequences, absl::Span<const double> weights) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<int64_t> shares;
  std::vector<double> fractions;
  int64_t left = sequences;
  for (const double weight : weights) {
    const double quota = static_cast<double>(sequences) * (weight / total);
    // Rounding of a quota never takes what earlier files have.
    shares.push_back(std::min(left, static_cast<int64_t>(std::floor(quota))));
    fractions.push_back(quota - std::floor(quota));
    left -= shares.back();
  }
  std::vector<size_t> by_fraction(weights.size());
  std::iota(by_fraction.begin(), by_fraction.end(), size_t{0});
  std::stable_sort(by_fraction.begin(), by_fraction.end(),
                   [&](size_t a, size_t b) { return fractions[a] > fractions[b]; });
  for (size_t i = 0; left > 0; ++i, --left) ++shares[by_fraction[i % by_fraction.size()]];
  return shares;
}

}  // namespace seedbed
