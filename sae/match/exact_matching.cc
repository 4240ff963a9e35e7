#include "sae/match/exact_matching.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "sae/match/auction.h"
#include "sae/match/augmentation.h"
#include "sae/match/candidates.h"
#include "sae/match/certificate.h"
#include "sae/match/cpu_product_sweep.h"
#include "sae/match/feasibility.h"
#include "sae/match/matching_problem.h"
#include "sae/match/pricing.h"

namespace seedbed {
namespace {

constexpr double kFirstEpsilon = 0.05;
constexpr double kEpsilonFactor = 5;
constexpr double kLastEpsilon = 1e-6;
// Where a round has freed so large a share of the rows, they bid again from this epsilon on.
constexpr double kManyFreed = 0.05;
constexpr double kSecondEpsilon = 5e-3;
constexpr double kStepsPerRow = 100;
// What rounding may make a row's column worse than its best one.
constexpr double kRounding = 1e-13;

std::vector<int32_t> RowsThatAreNotZero(const UnitRows& rows) {
  std::vector<int32_t> indices;
  for (int64_t i = 0; i < rows.rows(); ++i) {
    if (!rows.is_zero(i)) indices.push_back(static_cast<int32_t>(i));
  }
  return indices;
}

std::vector<int32_t> AllRows(const UnitRows& rows) {
  std::vector<int32_t> indices(static_cast<size_t>(rows.rows()));
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int32_t>(i);
  return indices;
}

// From thresholds by position among the rows to thresholds by row.
CandidateThresholds ByIndex(const CandidateThresholds& found, const std::vector<int32_t>& rows, int64_t count) {
  CandidateThresholds thresholds;
  thresholds.of_row.assign(static_cast<size_t>(count), -std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < rows.size(); ++i) thresholds.of_row[static_cast<size_t>(rows[i])] = found.of_row[i];
  thresholds.of_column = found.of_column;
  return thresholds;
}

void RunAuctions(double first, double last, const CandidateGraph& graph, PricedMatching* matching) {
  for (double epsilon = first;; epsilon = std::max(epsilon / kEpsilonFactor, last)) {
    ReleaseUnhappy(graph, epsilon, matching);
    RunAuction(graph, epsilon, matching);
    if (epsilon <= last) return;
  }
}

// From what is exactly the best for its row to a complete matching.
bool Complete(const CandidateGraph& graph, int64_t most_steps, PricedMatching* matching) {
  ReleaseUnhappy(graph, kRounding, matching);
  ReduceRows(graph, matching);
  ReleaseUnhappy(graph, kRounding, matching);
  return AugmentAll(graph, most_steps, matching);
}

// Makes the matching the best one of the graph, whatever it was before.
void Improve(const CandidateGraph& graph, bool is_first, PricedMatching* matching) {
  const auto rows = static_cast<double>(matching->rows.size());
  if (is_first) {
    RunAuctions(kFirstEpsilon, kLastEpsilon, graph, matching);
  } else if (static_cast<double>(ReleaseUnhappy(graph, kRounding, matching)) > kManyFreed * rows) {
    RunAuctions(kSecondEpsilon, kLastEpsilon, graph, matching);
  }
  // Where weights differ by less than the last epsilon, the auction leaves much to be done, and paths become long: then
  // it goes on to a smaller one.
  const auto steps = static_cast<int64_t>(kStepsPerRow * rows);
  for (double last = kLastEpsilon; last > kRounding; last /= kEpsilonFactor * kEpsilonFactor) {
    if (last < kLastEpsilon) RunAuctions(kSecondEpsilon, last, graph, matching);
    if (Complete(graph, steps, matching)) return;
  }
  Complete(graph, std::numeric_limits<int64_t>::max(), matching);
}

class Engine {
 public:
  Engine(const UnitRows& a, const UnitRows& b, const ExactMatchingOptions& options)
      : a_(a),
        b_(b),
        options_(options),
        sweep_(options.sweep != nullptr ? *options.sweep : cpu_sweep_),
        rows_(RowsThatAreNotZero(a)),
        problem_{a_, b_, quantised_a_, quantised_b_, thresholds_, errors_, rows_, sweep_},
        graph_(a, b),
        matching_(graph_, rows_) {}

  ExactMatching Run() {
    if (!rows_.empty()) {
      FindGraph();
      Solve();
    }
    GiveZeroRowsTheRest();
    result_.column_of_row = matching_.column_of_row;
    result_.cosines.resize(static_cast<size_t>(a_.rows()), 0);
    for (const int32_t row : rows_) {
      result_.cosines[static_cast<size_t>(row)] = graph_.Weight(row, result_.column_of_row[static_cast<size_t>(row)]);
    }
    FindLargest();
    return std::move(result_);
  }

 private:
  void FindGraph() {
    const Rotation rotation(a_.width());
    const bool rotates = RotationPays(a_, b_, rotation);
    quantised_a_ = Quantise(a_, rotates ? &rotation : nullptr);
    quantised_b_ = Quantise(b_, rotates ? &rotation : nullptr);
    errors_ = ErrorsOfProducts(quantised_a_, quantised_b_);
    const std::vector<int32_t> columns = AllRows(b_);
    ColumnLists found(static_cast<size_t>(a_.rows()));
    thresholds_ =
        ByIndex(FindCandidates({quantised_a_, rows_}, {quantised_b_, columns}, options_.candidates, sweep_, &found),
                rows_, a_.rows());
    graph_.Add(&found);
    MakeFeasible({quantised_a_, rows_}, quantised_b_, options_.candidates, sweep_, &graph_);
  }

  void Solve() {
    Pricing pricing(problem_);
    result_.upper_bound = static_cast<double>(rows_.size()) * (1 + kRounding);  // No cosine is above 1.
    for (bool is_first = true; !result_.certified; is_first = false) {
      Improve(graph_, is_first, &matching_);
      result_.total = TotalWeight(graph_, matching_);
      const Duals duals = DualsOf(graph_, matching_);
      const std::vector<double> covering = ExcessesByThresholds(matching_, duals, thresholds_, errors_);
      LowerBound(duals, covering);
      // As where all pairs are candidates.
      result_.certified = *std::max_element(covering.begin(), covering.end()) <= kPriceTolerance;
      if (result_.certified || result_.rounds >= options_.max_rounds || IsExpired()) return;
      PricingResult priced = pricing.Run(graph_, duals);
      ++result_.rounds;
      LowerBound(duals, priced.excesses);
      result_.certified = priced.violations == 0;
      if (!result_.certified) graph_.Add(&priced.candidates);
    }
  }

  void LowerBound(const Duals& duals, const std::vector<double>& excesses) {
    result_.upper_bound = std::min(result_.upper_bound, DualBound(matching_, duals, excesses));
  }

  void GiveZeroRowsTheRest() {
    int32_t column = 0;
    for (size_t row = 0; row < matching_.column_of_row.size(); ++row) {
      if (matching_.column_of_row[row] != kFree) continue;
      while (matching_.row_of_column[static_cast<size_t>(column)] >= 0) ++column;
      matching_.Give(column, static_cast<int32_t>(row));
    }
    result_.certified = result_.certified || rows_.empty();
  }

  void FindLargest() {
    if (rows_.empty()) {
      result_.largest = {std::vector<double>(static_cast<size_t>(a_.rows()), 0),
                         std::vector<double>(static_cast<size_t>(b_.rows()), 0), true};
      return;
    }
    result_.largest = FindLargestCosines(problem_, graph_, [this] { return IsExpired(); });
  }

  // Once it is, it stays so.
  bool IsExpired() {
    is_expired_ = is_expired_ || (options_.expired && options_.expired());
    return is_expired_;
  }

  const UnitRows& a_;
  const UnitRows& b_;
  const ExactMatchingOptions& options_;
  const CpuProductSweep cpu_sweep_;
  const ProductSweep& sweep_;
  const std::vector<int32_t> rows_;  // Of a, without those that are zero.
  QuantisedRows quantised_a_;
  QuantisedRows quantised_b_;
  CandidateThresholds thresholds_;
  ProductErrors errors_;
  const MatchingProblem problem_;
  CandidateGraph graph_;
  PricedMatching matching_;
  bool is_expired_ = false;
  ExactMatching result_;
};

}  // namespace

ExactMatching MatchExactly(const UnitRows& a, const UnitRows& b, const ExactMatchingOptions& options) {
  return Engine(a, b, options).Run();
}

}  // namespace seedbed
