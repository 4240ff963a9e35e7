// The exact maximum-weight matching of two sets of rows under cosine, without the matrix of their similarities.
//
// int8 products propose candidates (candidates.h), pairs are added until all rows can be matched (feasibility.h), the
// best matching of the candidates is found with its duals (auction.h, augmentation.h), and all other pairs are priced
// with these (pricing.h): pairs that break them become candidates, and the matching is improved, until none does. Then
// the duals prove that no matching is better (certificate.h). The largest cosine of every row comes with it
// (largest_cosines.h). docs/agreement.md has the proof and what it costs.
#ifndef SEEDBED_SAE_MATCH_EXACT_MATCHING_H_
#define SEEDBED_SAE_MATCH_EXACT_MATCHING_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "sae/match/largest_cosines.h"
#include "sae/match/product_sweep.h"
#include "sae/match/unit_rows.h"

namespace seedbed {

struct ExactMatchingOptions {
  int64_t candidates = 32;  // Of every row and of every column, >= 1.
  int max_rounds = 100;     // Of pricing, >= 0.
  // Asked before every round, and while the largest cosines are searched; once it says true the matching and the
  // cosines found so far are the result. None: no limit.
  std::function<bool()> expired;
  const ProductSweep* sweep = nullptr;  // Must outlive the matching. None: the CPU's (cpu_product_sweep.h).
};

// Rows of a are matched to rows of b, all of a to different ones, n <= m.
struct ExactMatching {
  std::vector<int32_t> column_of_row;  // [n]
  std::vector<double> cosines;         // [n]
  double total = 0;                    // Sum of the cosines.
  double upper_bound = 0;              // That the total of no matching exceeds.
  // Every pair is known not to break the duals by more than kPriceTolerance: nothing but rounding is between `total`
  // and `upper_bound`. Without it the matching is one of many, and the bound says how good.
  bool certified = false;
  int rounds = 0;  // Of pricing; 0 where the candidates' thresholds are proof enough.
  LargestCosines largest;
};

// 1 <= a.rows() <= b.rows() <= 2^24, equal widths <= 2^16. The result is a function of the rows and `candidates` alone
// (where it is certified): neither of the number of threads nor of what computes the products. Among matchings of equal
// total it is the one that this leads to: of equal candidates a row prefers those whose index follows its own
// (BestOfEach), and bids for the first of equal profits. Rows of a that are zero come last: they get the columns that
// are left, in order.
//
// Memory: n + m rows of int8, 16 bytes for each of about 40 to 100 candidates a row, and no copy of the rows. Uses
// LoopThreads() threads for products.
ExactMatching MatchExactly(const UnitRows& a, const UnitRows& b, const ExactMatchingOptions& options = {});

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_EXACT_MATCHING_H_
