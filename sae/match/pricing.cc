#include "sae/match/pricing.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "sae/match/best_of_each.h"
#include "sae/match/staircase.h"

namespace seedbed {
namespace {

// Pairs that come as near as this to breaking the duals become candidates when a baseline is made, and otherwise.
constexpr double kFirstWindow = 0.01;
constexpr double kWidestWindow = 0.04;
constexpr double kNarrowWindow = 0.002;
constexpr int64_t kMostOfRow = 48;  // Of such pairs, for one row.
// A baseline has served its time when it closes hardly more than thresholds do, or has not led to the end.
constexpr double kOutlived = 0.7;
constexpr int kMostRunsWithBaseline = 3;

// What float32 can lose in a term, a sum of duals, errors and products: four roundings of their magnitudes.
double TermRounding(const Duals& duals) {
  double largest_row = 0;
  double largest_column = 0;
  for (const double dual : duals.of_row) largest_row = std::max(largest_row, std::abs(dual));
  for (const double dual : duals.of_column) largest_column = std::max(largest_column, std::abs(dual));
  return 4 * 0x1p-24 * (2 + largest_row + largest_column);
}

// (1): threshold + row error - u + window > v - column error.
OpenCondition ByRowThresholds(const MatchingProblem& problem, const Duals& duals, double window) {
  OpenCondition condition;
  for (size_t i = 0; i < duals.of_row.size(); ++i) {
    const double most = static_cast<double>(problem.thresholds.of_row[i]) + problem.errors.of_row[i];
    condition.of_row.push_back(static_cast<float>(most - duals.of_row[i] + window));
  }
  for (size_t j = 0; j < duals.of_column.size(); ++j) {
    condition.of_column.push_back(static_cast<float>(duals.of_column[j] - problem.errors.of_column[j]));
  }
  return condition;
}

// (2): row error - u + window > v - threshold - column error.
OpenCondition ByColumnThresholds(const MatchingProblem& problem, const Duals& duals, double window) {
  OpenCondition condition;
  for (size_t i = 0; i < duals.of_row.size(); ++i) {
    condition.of_row.push_back(static_cast<float>(problem.errors.of_row[i] - duals.of_row[i] + window));
  }
  for (size_t j = 0; j < duals.of_column.size(); ++j) {
    const double most = static_cast<double>(problem.thresholds.of_column[j]) + problem.errors.of_column[j];
    condition.of_column.push_back(static_cast<float>(duals.of_column[j] - most));
  }
  return condition;
}

// (3): u' - margin - u > v - v'.
OpenCondition ByBaseline(const Duals& baseline, const std::vector<double>& margins, const Duals& duals,
                         double rounding) {
  OpenCondition condition;
  for (size_t i = 0; i < duals.of_row.size(); ++i) {
    condition.of_row.push_back(static_cast<float>(baseline.of_row[i] - margins[i] - duals.of_row[i] + rounding));
  }
  for (size_t j = 0; j < duals.of_column.size(); ++j) {
    condition.of_column.push_back(static_cast<float>(duals.of_column[j] - baseline.of_column[j]));
  }
  return condition;
}

// Looks at the pairs of open tiles.
class OpenPairs {
 public:
  // `window`: how near to breaking the duals a pair has to come to be kept.
  OpenPairs(const MatchingProblem& problem, const CandidateGraph& graph, const Duals& duals, double window)
      : problem_(problem),
        graph_(graph),
        duals_(duals),
        window_(window),
        rounding_(TermRounding(duals)),
        worst_(static_cast<int64_t>(problem.rows.size()), kMostOfRow, graph.columns()),
        violations_(problem.rows.size(), 0) {
    result_.excesses.assign(static_cast<size_t>(graph.rows()), 0);
    result_.candidates.resize(static_cast<size_t>(graph.rows()));
  }

  void Run(const OpenCondition& sharpest, absl::Span<const OpenCondition> conditions) {
    rows_ = SortRows(sharpest, problem_.rows);
    columns_ = SortColumns(sharpest);
    const OpenTiles open(conditions, rows_, columns_);
    prices_.assign(columns_.size() + kTileColumns, 0);
    for (size_t j = 0; j < columns_.size(); ++j) {
      const auto column = static_cast<size_t>(columns_[j]);
      prices_[j] = static_cast<float>(duals_.of_column[column] - problem_.errors.of_column[column]);
    }
    for (int64_t i = 0; i < static_cast<int64_t>(rows_.size()); ++i) {
      worst_.RaiseThreshold(i, static_cast<float>(-window_));
    }
    problem_.sweep.Run({problem_.quantised_a, rows_}, {problem_.quantised_b, columns_},
                       {[&](int64_t row, int64_t column) { return open.IsOpen(row, column); },
                        [this](const ProductTile& tile) { Visit(tile); }, [](int64_t /*first*/, int64_t /*count*/) {}});
  }

  PricingResult TakeResult() {
    for (size_t i = 0; i < rows_.size(); ++i) {
      std::vector<int32_t>& candidates = result_.candidates[static_cast<size_t>(rows_[i])];
      for (const Scored& pair : worst_.Finish(static_cast<int64_t>(i))) candidates.push_back(pair.index);
      result_.violations += violations_[i];
    }
    return std::move(result_);
  }

  // By row: w_ij <= u_i + v_j - margin for all pairs that were neither candidates nor are now, where all tiles that the
  // window leaves open were looked at. After TakeResult.
  std::vector<double> Margins() const {
    std::vector<double> margins(static_cast<size_t>(graph_.rows()), 0);
    for (size_t i = 0; i < rows_.size(); ++i) {
      margins[static_cast<size_t>(rows_[i])] = -static_cast<double>(worst_.threshold(static_cast<int64_t>(i)));
    }
    return margins;
  }

 private:
  void Visit(const ProductTile& tile) {
    constexpr int64_t kLanes = 8;
    for (int64_t i = 0; i < tile.rows; ++i) {
      const float* products = tile.products + i * kTileColumns;
      const float* prices = prices_.data() + tile.first_column;
      const int64_t row = tile.first_row + i;
      for (int64_t j = 0; j < tile.columns; j += kLanes) {
        const __m256 profits = _mm256_sub_ps(_mm256_loadu_ps(products + j), _mm256_loadu_ps(prices + j));
        const __m256 mask = _mm256_cmp_ps(profits, _mm256_set1_ps(LeastProfit(row)), _CMP_GT_OQ);
        auto open = static_cast<uint32_t>(_mm256_movemask_ps(mask));
        for (; open != 0; open &= open - 1) {
          const int64_t column = j + __builtin_ctz(open);
          if (column < tile.columns) Check(row, columns_[static_cast<size_t>(tile.first_column + column)]);
        }
      }
    }
  }

  // Of an int8 product without price, below which a pair of the row can't be one to keep.
  float LeastProfit(int64_t position) const {
    const auto row = static_cast<size_t>(rows_[static_cast<size_t>(position)]);
    const double least = std::min(0.0, static_cast<double>(worst_.threshold(position)));
    return static_cast<float>(duals_.of_row[row] + least - problem_.errors.of_row[row] - rounding_);
  }

  void Check(int64_t position, int32_t column) {
    const int32_t row = rows_[static_cast<size_t>(position)];
    if (graph_.Contains(row, column)) return;
    const double excess = Cosine(problem_.a, row, problem_.b, column) - duals_.of_column[static_cast<size_t>(column)] -
                          duals_.of_row[static_cast<size_t>(row)];
    double& most = result_.excesses[static_cast<size_t>(row)];
    most = std::max(most, excess);
    if (excess > kPriceTolerance) ++violations_[static_cast<size_t>(position)];
    worst_.Offer(position, static_cast<float>(excess), column);
  }

  const MatchingProblem& problem_;
  const CandidateGraph& graph_;
  const Duals& duals_;
  const double window_;
  const double rounding_;
  std::vector<int32_t> rows_;     // In the order of the sweep.
  std::vector<int32_t> columns_;  // In the order of the sweep.
  std::vector<float> prices_;     // Less the error, by position of the column.
  BestOfEach worst_;              // By position of the row; scores are excesses.
  std::vector<int64_t> violations_;
  PricingResult result_;
};

}  // namespace

Pricing::Pricing(const MatchingProblem& problem) : problem_(problem), next_window_(kFirstWindow) {}

PricingResult Pricing::Run(const CandidateGraph& graph, const Duals& duals) {
  const double rounding = TermRounding(duals);
  if (!margins_.empty() && runs_since_baseline_ < kMostRunsWithBaseline) {
    std::vector<OpenCondition> conditions = {ByRowThresholds(problem_, duals, rounding),
                                             ByColumnThresholds(problem_, duals, rounding),
                                             ByBaseline(baseline_, margins_, duals, rounding)};
    const double by_thresholds = OpenFraction(conditions[0], problem_.rows);
    const double by_baseline = OpenFraction(conditions[2], problem_.rows);
    if (by_baseline < kOutlived * by_thresholds) {
      ++runs_since_baseline_;
      OpenPairs pairs(problem_, graph, duals, kNarrowWindow);
      pairs.Run(conditions[2], conditions);
      return pairs.TakeResult();
    }
  }
  const double window = next_window_;
  next_window_ = std::min(2 * window, kWidestWindow);
  runs_since_baseline_ = 0;
  const std::vector<OpenCondition> conditions = {ByRowThresholds(problem_, duals, window + rounding),
                                                 ByColumnThresholds(problem_, duals, window + rounding)};
  OpenPairs pairs(problem_, graph, duals, window);
  pairs.Run(conditions[0], conditions);
  PricingResult result = pairs.TakeResult();
  margins_ = pairs.Margins();
  baseline_ = duals;
  return result;
}

}  // namespace seedbed
