#include "sae/agreement/sharing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "common/random.h"

namespace seedbed {
namespace {

// One bit for each dictionary that a latent is found in, but its own; those are counted in their order.
using Finders = std::vector<bool>;

// [latent][other dictionary]
std::vector<Finders> FindersOf(const SiblingMatchings& siblings, int64_t dictionary, double threshold) {
  std::vector<Finders> finders(static_cast<size_t>(siblings.latents(dictionary)));
  for (int64_t other = 0; other < siblings.dictionaries(); ++other) {
    if (other == dictionary) continue;
    const Counterparts& counterparts = siblings.Of(dictionary, other);
    for (int64_t latent = 0; latent < counterparts.latents(); ++latent) {
      finders[static_cast<size_t>(latent)].push_back(counterparts.Strict(latent, threshold));
    }
  }
  return finders;
}

// Collects fractions of one s.
class Fractions {
 public:
  void Add(double fraction) {
    sum_ += fraction;
    squares_ += fraction * fraction;
    least_ = std::min(least_, fraction);
    largest_ = std::max(largest_, fraction);
    count_ += 1;
  }
  UniqueFraction Summary() const {
    const double mean = sum_ / count_;
    return {mean, std::sqrt(std::max(0.0, squares_ / count_ - mean * mean)), least_, largest_};
  }

 private:
  double sum_ = 0;
  double squares_ = 0;
  double least_ = std::numeric_limits<double>::infinity();
  double largest_ = 0;
  double count_ = 0;
};

// unique[subset]: how many latents are found in none of a subset of the others, given by its bits. A latent counts for
// every subset of the dictionaries that it is not found in, so sums over supersets of bits do it.
std::vector<int64_t> UniqueBySubset(const std::vector<Finders>& finders, int64_t others) {
  std::vector<int64_t> unique(size_t{1} << others, 0);
  for (const Finders& latent : finders) {
    size_t missing = 0;
    for (int64_t other = 0; other < others; ++other) {
      if (!latent[static_cast<size_t>(other)]) missing |= size_t{1} << other;
    }
    unique[missing] += 1;
  }
  for (int64_t other = 0; other < others; ++other) {
    const size_t bit = size_t{1} << other;
    for (size_t subset = 0; subset < unique.size(); ++subset) {
      if ((subset & bit) == 0) unique[subset] += unique[subset | bit];
    }
  }
  return unique;
}

void AddAllSubsets(const std::vector<Finders>& finders, int64_t others, std::vector<Fractions>* by_size) {
  const std::vector<int64_t> unique = UniqueBySubset(finders, others);
  for (size_t subset = 0; subset < unique.size(); ++subset) {
    const auto size = static_cast<size_t>(__builtin_popcountll(subset));
    (*by_size)[size].Add(static_cast<double>(unique[subset]) / static_cast<double>(finders.size()));
  }
}

// Every prefix of a random order of the others is a random subset of its size.
void AddSampledSubsets(const std::vector<Finders>& finders, int64_t others, SplitMix64* random,
                       std::vector<Fractions>* by_size) {
  std::vector<size_t> order(static_cast<size_t>(others));
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<int64_t> found_at(static_cast<size_t>(others) + 1);
  for (int64_t sample = 0; sample < kSampledSubsets; ++sample) {
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random->Below(i)]);
    std::fill(found_at.begin(), found_at.end(), 0);
    for (const Finders& latent : finders) {
      const auto first = std::find_if(order.begin(), order.end(), [&](size_t other) { return latent[other]; });
      found_at[static_cast<size_t>(first - order.begin())] += 1;
    }
    auto unique = static_cast<int64_t>(finders.size());
    for (size_t size = 0; size <= order.size(); ++size) {
      (*by_size)[size].Add(static_cast<double>(unique) / static_cast<double>(finders.size()));
      unique -= found_at[size];
    }
  }
}

}  // namespace

std::vector<int64_t> SharingCounts(const SiblingMatchings& siblings, int64_t dictionary, double threshold) {
  std::vector<int64_t> counts(static_cast<size_t>(siblings.dictionaries()), 0);
  for (const Finders& latent : FindersOf(siblings, dictionary, threshold)) {
    counts[static_cast<size_t>(std::count(latent.begin(), latent.end(), true))] += 1;
  }
  return counts;
}

std::vector<UniqueFraction> UniqueFractions(const SiblingMatchings& siblings, double threshold) {
  const int64_t others = siblings.dictionaries() - 1;
  std::vector<Fractions> by_size(static_cast<size_t>(siblings.dictionaries()));
  SplitMix64 random(0);
  for (int64_t dictionary = 0; dictionary < siblings.dictionaries(); ++dictionary) {
    const std::vector<Finders> finders = FindersOf(siblings, dictionary, threshold);
    if (siblings.dictionaries() <= kMostEnumerated) {
      AddAllSubsets(finders, others, &by_size);
    } else {
      AddSampledSubsets(finders, others, &random, &by_size);
    }
  }
  std::vector<UniqueFraction> fractions;
  for (const Fractions& fraction : by_size) fractions.push_back(fraction.Summary());
  return fractions;
}

}  // namespace seedbed
