#include "sae/match/largest_cosines.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <utility>

#include "sae/arch/kernels/parallel.h"
#include "sae/match/staircase.h"

namespace seedbed {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Far above what float32 can lose in terms and in sums of a product and errors, whose magnitudes are below 4.
constexpr double kRounding = 8 * 4 * 0x1p-24;
// Up to rounding, which is far less.
constexpr double kOne = 1 - 1e-12;

LargestCosines LargestOfCandidates(const MatchingProblem& problem, const CandidateGraph& graph) {
  const bool has_zero_rows = static_cast<int64_t>(problem.rows.size()) < graph.rows();
  LargestCosines largest;
  largest.of_row.assign(static_cast<size_t>(graph.rows()), 0);
  largest.of_column.assign(static_cast<size_t>(graph.columns()), has_zero_rows ? 0 : -kInfinity);
  for (const int32_t row : problem.rows) {
    const auto columns = graph.columns_of(row);
    const auto weights = graph.weights_of(row);
    double& of_row = largest.of_row[static_cast<size_t>(row)];
    of_row = -kInfinity;
    for (size_t e = 0; e < columns.size(); ++e) {
      double& of_column = largest.of_column[static_cast<size_t>(columns[e])];
      of_row = std::max(of_row, weights[e]);
      of_column = std::max(of_column, weights[e]);
    }
  }
  return largest;
}

// What a cosine has to exceed to matter. Infinity where none can.
std::vector<double> LeastToFind(const std::vector<double>& largest, const UnitRows& rows) {
  std::vector<double> least = largest;
  for (size_t i = 0; i < least.size(); ++i) {
    if (least[i] >= kOne || rows.is_zero(static_cast<int64_t>(i))) least[i] = kInfinity;
  }
  return least;
}

// w <= of_row[i] + of_column[j] for all pairs that are no candidates.
struct Bound {
  std::vector<double> of_row;
  std::vector<double> of_column;
};

std::vector<double> Sum(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<double> sum(a.begin(), a.end());
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += b[i];
  return sum;
}

Bound ByRowThresholds(const MatchingProblem& problem) {
  const std::vector<float>& errors = problem.errors.of_column;
  return {Sum(problem.thresholds.of_row, problem.errors.of_row), {errors.begin(), errors.end()}};
}

Bound ByColumnThresholds(const MatchingProblem& problem) {
  const std::vector<float>& errors = problem.errors.of_row;
  return {{errors.begin(), errors.end()}, Sum(problem.thresholds.of_column, problem.errors.of_column)};
}

// Open where the bound exceeds what the row has to exceed.
OpenCondition ForRows(const Bound& bound, const std::vector<double>& least) {
  OpenCondition condition;
  for (size_t i = 0; i < least.size(); ++i) {
    condition.of_row.push_back(static_cast<float>(bound.of_row[i] - least[i] + kRounding));
  }
  for (const double most : bound.of_column) condition.of_column.push_back(static_cast<float>(-most));
  return condition;
}

// Open where the bound exceeds what the column has to exceed.
OpenCondition ForColumns(const Bound& bound, const std::vector<double>& least) {
  OpenCondition condition;
  for (const double most : bound.of_row) condition.of_row.push_back(static_cast<float>(most + kRounding));
  for (size_t j = 0; j < least.size(); ++j) {
    condition.of_column.push_back(static_cast<float>(least[j] - bound.of_column[j]));
  }
  return condition;
}

// Computes what the bounds leave open.
class Search {
 public:
  Search(const MatchingProblem& problem, const CandidateGraph& graph, LargestCosines* largest)
      : problem_(problem),
        graph_(graph),
        largest_(largest),
        least_of_row_(LeastToFind(largest->of_row, problem.a)),
        least_of_column_(LeastToFind(largest->of_column, problem.b)),
        found_of_column_(static_cast<size_t>(LoopThreads()), largest->of_column) {}

  void Run(const std::function<bool()>& expired) {
    const Bound by_row = ByRowThresholds(problem_);
    const Bound by_column = ByColumnThresholds(problem_);
    const OpenCondition for_rows[] = {ForRows(by_row, least_of_row_), ForRows(by_column, least_of_row_)};
    const OpenCondition for_columns[] = {ForColumns(by_column, least_of_column_), ForColumns(by_row, least_of_column_)};
    rows_ = SortRows(for_rows[0], problem_.rows);
    columns_ = SortColumns(for_columns[0]);
    PrepareColumns();
    const OpenTiles open_for_rows(for_rows, rows_, columns_);
    const OpenTiles open_for_columns(for_columns, rows_, columns_);
    bool is_expired = expired && expired();
    std::atomic<bool> is_complete = true;
    const auto wanted = [&](int64_t row, int64_t column) {
      if (!open_for_rows.IsOpen(row, column) && !open_for_columns.IsOpen(row, column)) return false;
      if (is_expired) is_complete = false;
      return !is_expired;
    };
    problem_.sweep.Run(
        {problem_.quantised_a, rows_}, {problem_.quantised_b, columns_},
        {wanted, [this](const ProductTile& tile) { Visit(tile); },
         [&](int64_t /*first*/, int64_t /*count*/) { is_expired = is_expired || (expired && expired()); }});
    for (const std::vector<double>& found : found_of_column_) {
      for (size_t j = 0; j < found.size(); ++j) largest_->of_column[j] = std::max(largest_->of_column[j], found[j]);
    }
    largest_->proven = is_complete;
  }

 private:
  // By position, for whole tiles: what a product, with the errors of both, has to exceed.
  void PrepareColumns() {
    errors_.assign(columns_.size() + kTileColumns, 0);
    least_products_.assign(columns_.size() + kTileColumns, std::numeric_limits<float>::infinity());
    for (size_t j = 0; j < columns_.size(); ++j) {
      const auto column = static_cast<size_t>(columns_[j]);
      errors_[j] = problem_.errors.of_column[column];
      least_products_[j] = static_cast<float>(least_of_column_[column] - errors_[j]);
    }
  }

  void Visit(const ProductTile& tile) {
    constexpr int64_t kLanes = 8;
    for (int64_t i = 0; i < tile.rows; ++i) {
      const int32_t row = rows_[static_cast<size_t>(tile.first_row + i)];
      const double row_error = problem_.errors.of_row[static_cast<size_t>(row)] + kRounding;
      const __m256 error = _mm256_set1_ps(static_cast<float>(row_error));
      const __m256 least = _mm256_set1_ps(static_cast<float>(least_of_row_[static_cast<size_t>(row)] - row_error));
      for (int64_t j = 0; j < tile.columns; j += kLanes) {
        const int64_t at = tile.first_column + j;
        const __m256 products = _mm256_loadu_ps(tile.products + i * kTileColumns + j);
        const __m256 with_error = _mm256_add_ps(products, _mm256_loadu_ps(errors_.data() + at));
        const __m256 for_row = _mm256_cmp_ps(with_error, least, _CMP_GT_OQ);
        const __m256 for_column =
            _mm256_cmp_ps(_mm256_add_ps(products, error), _mm256_loadu_ps(least_products_.data() + at), _CMP_GT_OQ);
        auto open = static_cast<uint32_t>(_mm256_movemask_ps(_mm256_or_ps(for_row, for_column)));
        for (; open != 0; open &= open - 1) {
          const int64_t column = j + __builtin_ctz(open);
          if (column < tile.columns)
            Compute(row, columns_[static_cast<size_t>(tile.first_column + column)], tile.thread);
        }
      }
    }
  }

  void Compute(int32_t row, int32_t column, int thread) {
    if (graph_.Contains(row, column)) return;
    const double cosine = Cosine(problem_.a, row, problem_.b, column);
    double& of_row = largest_->of_row[static_cast<size_t>(row)];
    double& of_column = found_of_column_[static_cast<size_t>(thread)][static_cast<size_t>(column)];
    of_row = std::max(of_row, cosine);
    of_column = std::max(of_column, cosine);
  }

  const MatchingProblem& problem_;
  const CandidateGraph& graph_;
  LargestCosines* const largest_;
  const std::vector<double> least_of_row_;
  const std::vector<double> least_of_column_;
  std::vector<std::vector<double>> found_of_column_;  // By thread, by column.
  std::vector<int32_t> rows_;                         // In the order of the sweep.
  std::vector<int32_t> columns_;                      // In the order of the sweep.
  std::vector<float> errors_;
  std::vector<float> least_products_;
};

}  // namespace

LargestCosines FindLargestCosines(const MatchingProblem& problem, const CandidateGraph& graph,
                                  const std::function<bool()>& expired) {
  LargestCosines largest = LargestOfCandidates(problem, graph);
  Search(problem, graph, &largest).Run(expired);
  return largest;
}

}  // namespace seedbed
