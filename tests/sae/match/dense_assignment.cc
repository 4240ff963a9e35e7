#include "tests/sae/match/dense_assignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace seedbed {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kNone = -1;

// Solves for rows <= columns. Prices (column duals) start at 0 and only ever rise, and only on columns that have an
// owner, which they keep having: so columns that end unmatched have price 0, as the rectangular programme demands.
class Solver {
 public:
  Solver(absl::Span<const double> weights, int64_t rows, int64_t columns)
      : weights_(weights),
        rows_(rows),
        columns_(columns),
        column_of_row_(rows, kNone),
        owner_(columns, kNone),
        profits_(rows, 0),
        prices_(columns, 0),
        distances_(columns),
        parents_(columns) {}

  Assignment Solve() {
    for (const int64_t row : ReduceRows()) Augment(row);
    Assignment result;
    long double total = 0;
    for (int64_t row = 0; row < rows_; ++row) total += Weight(row, column_of_row_[row]);
    result.total = static_cast<double>(total);
    result.column_of_row = std::move(column_of_row_);
    result.row_duals = std::move(profits_);
    result.column_duals = std::move(prices_);
    return result;
  }

 private:
  struct TwoBest {
    int64_t first = kNone;
    int64_t second = kNone;  // kNone where there is one column only.
    double first_profit = -kInfinity;
    double second_profit = -kInfinity;
  };

  double Weight(int64_t row, int64_t column) const { return weights_[row * columns_ + column]; }

  TwoBest FindTwoBest(int64_t row) const {
    TwoBest best;
    const double* weights = &weights_[row * columns_];
    for (int64_t column = 0; column < columns_; ++column) {
      const double profit = weights[column] - prices_[column];
      if (profit <= best.second_profit) continue;
      if (profit > best.first_profit) {
        best.second = best.first;
        best.second_profit = best.first_profit;
        best.first = column;
        best.first_profit = profit;
      } else {
        best.second = column;
        best.second_profit = profit;
      }
    }
    return best;
  }

  void Assign(int64_t row, int64_t column) {
    owner_[column] = row;
    column_of_row_[row] = column;
    profits_[row] = Weight(row, column) - prices_[column];
  }

  // Augmenting row reduction: each free row takes its best column and raises the price until the second best is as
  // good; who is driven out bids again, at once if the price rose and in the next pass otherwise. Returns the rows that
  // are still free.
  std::vector<int64_t> ReduceRows() {
    constexpr int kPasses = 3;
    constexpr int64_t kBidsPerRow = 8;  // Near-ties could outbid one another for long by tiny raises.
    std::vector<int64_t> free(rows_);
    for (int64_t row = 0; row < rows_; ++row) free[row] = row;
    for (int pass = 0; pass < kPasses && !free.empty(); ++pass) {
      int64_t bids_left = kBidsPerRow * static_cast<int64_t>(free.size());
      std::vector<int64_t> still_free;
      for (int64_t bidder : free) {
        while (bidder != kNone) {
          const auto [driven_out, raised] = Bid(bidder);
          const bool again = raised && --bids_left > 0;
          if (driven_out != kNone && !again) still_free.push_back(driven_out);
          bidder = again ? driven_out : kNone;
        }
      }
      free = std::move(still_free);
    }
    return free;
  }

  // Gives `row` a column. Returns who had it (or kNone), and whether the price rose.
  std::pair<int64_t, bool> Bid(int64_t row) {
    const TwoBest best = FindTwoBest(row);
    int64_t column = best.first;
    bool raised = false;
    if (best.second != kNone) {
      const double price = prices_[column] + (best.first_profit - best.second_profit);
      raised = price > prices_[column];
      if (!raised && owner_[column] != kNone && owner_[best.second] == kNone) column = best.second;
      if (raised) prices_[column] = price;
    }
    const int64_t driven_out = owner_[column];
    if (driven_out != kNone) column_of_row_[driven_out] = kNone;
    Assign(row, column);
    return {driven_out, raised};
  }

  // Finds the cheapest alternating path from the free `row` to a free column (Dijkstra over slacks, which are >= 0),
  // shifts the duals so that it becomes tight, and flips it.
  void Augment(int64_t row) {
    profits_[row] = FindTwoBest(row).first_profit;
    remaining_.resize(columns_);
    for (int64_t column = 0; column < columns_; ++column) remaining_[column] = column;
    std::fill(distances_.begin(), distances_.end(), kInfinity);
    settled_.clear();

    double distance = 0;
    int64_t current = row;
    int64_t sink = kNone;
    while (sink == kNone) {
      const size_t nearest = RelaxFrom(current, distance);
      const int64_t column = remaining_[nearest];
      distance = distances_[column];
      if (owner_[column] == kNone) {
        sink = column;
      } else {
        settled_.push_back(column);
        current = owner_[column];
        remaining_[nearest] = remaining_.back();
        remaining_.pop_back();
      }
    }
    profits_[row] -= distance;
    for (const int64_t column : settled_) {
      const double shift = distance - distances_[column];
      prices_[column] += shift;
      profits_[owner_[column]] -= shift;
    }
    Flip(sink);
  }

  // Shortens the distances of the remaining columns by paths through `row`, which lies at `distance`. Returns the
  // position in remaining_ of the nearest column; of equal ones a free one, if any.
  size_t RelaxFrom(int64_t row, double distance) {
    const double* weights = &weights_[row * columns_];
    const double base = distance + profits_[row];
    double least = kInfinity;
    size_t nearest = 0;
    for (size_t position = 0; position < remaining_.size(); ++position) {
      const int64_t column = remaining_[position];
      const double through_row = base + prices_[column] - weights[column];
      if (through_row < distances_[column]) {
        distances_[column] = through_row;
        parents_[column] = row;
      }
      const double found = distances_[column];
      if (found < least || (found == least && owner_[column] == kNone)) {
        least = found;
        nearest = position;
      }
    }
    return nearest;
  }

  // Every row on the path takes the column after it and leaves the one before it; the first had none.
  void Flip(int64_t sink) {
    int64_t column = sink;
    while (column != kNone) {
      const int64_t row = parents_[column];
      owner_[column] = row;
      std::swap(column_of_row_[row], column);
    }
  }

  const absl::Span<const double> weights_;
  const int64_t rows_;
  const int64_t columns_;
  std::vector<int64_t> column_of_row_;
  std::vector<int64_t> owner_;   // Row of each column.
  std::vector<double> profits_;  // Row duals.
  std::vector<double> prices_;   // Column duals.
  // Of the augmentation that is going on.
  std::vector<double> distances_;
  std::vector<int64_t> parents_;    // Row before each column on its shortest path.
  std::vector<int64_t> remaining_;  // Columns whose distance is not final.
  std::vector<int64_t> settled_;    // Columns whose distance is final.
};

std::vector<double> Transposed(absl::Span<const double> matrix, int64_t rows, int64_t columns) {
  constexpr int64_t kTile = 64;
  std::vector<double> result(matrix.size());
  for (int64_t row0 = 0; row0 < rows; row0 += kTile) {
    for (int64_t column0 = 0; column0 < columns; column0 += kTile) {
      for (int64_t row = row0; row < std::min(rows, row0 + kTile); ++row) {
        for (int64_t column = column0; column < std::min(columns, column0 + kTile); ++column) {
          result[column * rows + row] = matrix[row * columns + column];
        }
      }
    }
  }
  return result;
}

double LargestMagnitude(absl::Span<const double> values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

}  // namespace

Assignment MaximumWeightMatching(absl::Span<const double> weights, int64_t rows, int64_t columns) {
  if (rows <= columns) return Solver(weights, rows, columns).Solve();
  const std::vector<double> transposed = Transposed(weights, rows, columns);
  Assignment flipped = Solver(transposed, columns, rows).Solve();
  Assignment result;
  result.column_of_row.assign(rows, kNone);
  for (int64_t column = 0; column < columns; ++column) result.column_of_row[flipped.column_of_row[column]] = column;
  result.total = flipped.total;
  result.row_duals = std::move(flipped.column_duals);
  result.column_duals = std::move(flipped.row_duals);
  return result;
}

double MatchingUpperBound(absl::Span<const double> weights, int64_t rows, int64_t columns,
                          absl::Span<const double> row_duals, absl::Span<const double> column_duals) {
  const bool rows_are_smaller = rows <= columns;
  std::vector<double> u(row_duals.begin(), row_duals.end());
  std::vector<double> v(column_duals.begin(), column_duals.end());
  // Not every element of the larger side is matched, so its duals must not be negative.
  for (double& dual : rows_are_smaller ? v : u) dual = std::max(dual, 0.0);
  std::vector<double> violations(std::min(rows, columns), 0);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      double& violation = violations[rows_are_smaller ? row : column];
      violation = std::max(violation, weights[row * columns + column] - u[row] - v[column]);
    }
  }
  // Each difference above is off by at most two roundings of numbers of this size.
  const double rounding = 4 * std::numeric_limits<double>::epsilon() *
                          (LargestMagnitude(weights) + LargestMagnitude(u) + LargestMagnitude(v));
  long double bound = 0;
  for (const double dual : u) bound += dual;
  for (const double dual : v) bound += dual;
  for (const double violation : violations) bound += static_cast<long double>(violation) + rounding;
  return std::nextafter(static_cast<double>(bound), kInfinity);
}

}  // namespace seedbed
