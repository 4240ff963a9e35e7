#include "sae/match/augmentation.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

namespace seedbed {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Augmentation {
 public:
  Augmentation(const CandidateGraph& graph, int64_t most_steps, PricedMatching* matching)
      : graph_(graph),
        steps_left_(most_steps),
        matching_(*matching),
        profits_(static_cast<size_t>(graph.rows()), 0),
        distances_(static_cast<size_t>(graph.columns()), kInfinity),
        parents_(static_cast<size_t>(graph.columns()), kFree),
        is_settled_(static_cast<size_t>(graph.columns()), 0) {}

  bool Run() {
    for (const int32_t row : matching_.rows) {
      if (ColumnOf(row) != kFree) profits_[static_cast<size_t>(row)] = ProfitOf(graph_, matching_, row);
    }
    for (const int32_t row : matching_.rows) {
      if (ColumnOf(row) != kFree) continue;
      if (steps_left_ <= 0) return false;
      profits_[static_cast<size_t>(row)] = FindBestTwo(graph_, matching_.prices, row).profit;
      AugmentFrom(row);
    }
    while (matching_.free_slack_rows > 0) {
      if (steps_left_ <= 0) return false;
      AugmentFrom(kSlackRow);
    }
    return true;
  }

 private:
  using Entry = std::pair<double, int32_t>;

  int32_t ColumnOf(int32_t row) const { return matching_.column_of_row[static_cast<size_t>(row)]; }
  int32_t OwnerOf(int32_t column) const { return matching_.row_of_column[static_cast<size_t>(column)]; }
  double PriceOf(int32_t column) const { return matching_.prices[static_cast<size_t>(column)]; }
  double& DistanceOf(int32_t column) { return distances_[static_cast<size_t>(column)]; }

  void AugmentFrom(int32_t source) {
    length_ = kInfinity;
    sink_ = kFree;
    slack_distance_ = kInfinity;
    slack_entry_ = kFree;
    RelaxFrom(source, 0, kFree);
    for (int32_t column = SettleNearest(); column != kFree; column = SettleNearest()) {
      RelaxFrom(OwnerOf(column), DistanceOf(column), column);
    }
    steps_left_ -= static_cast<int64_t>(settled_.size());
    ShiftDuals(source);
    Flip();
    for (const int32_t column : touched_) DistanceOf(column) = kInfinity;
    for (const int32_t column : settled_) is_settled_[static_cast<size_t>(column)] = 0;
    touched_.clear();
    settled_.clear();
    queue_.clear();
  }

  // Shortens the distances of columns by paths through `row`, which lies at `distance` and has `column`.
  void RelaxFrom(int32_t row, double distance, int32_t column) {
    if (row == kSlackRow) {
      if (slack_distance_ == kInfinity) RelaxFromSlackRows(distance, column);
      return;
    }
    const auto columns = graph_.columns_of(row);
    const auto weights = graph_.weights_of(row);
    const double base = distance + profits_[static_cast<size_t>(row)];
    for (size_t e = 0; e < columns.size(); ++e) {
      // Rounding may make a slack less than 0.
      Relax(columns[e], std::max(distance, base + PriceOf(columns[e]) - weights[e]), row);
    }
  }

  void RelaxFromSlackRows(double distance, int32_t column) {
    slack_distance_ = distance;
    slack_entry_ = column;
    const double cheapest = *std::min_element(matching_.prices.begin(), matching_.prices.end());
    const auto relax_where = [&](auto is_wanted) {
      for (int32_t other = 0; other < static_cast<int32_t>(matching_.prices.size()); ++other) {
        if (is_wanted(OwnerOf(other))) Relax(other, distance + (PriceOf(other) - cheapest), kSlackRow);
      }
    };
    relax_where([](int32_t owner) { return owner == kFree; });  // First, since they bound the length.
    relax_where([](int32_t owner) { return owner >= 0; });
  }

  void Relax(int32_t column, double distance, int32_t row) {
    if (is_settled_[static_cast<size_t>(column)] != 0) return;
    double& known = DistanceOf(column);
    if (distance >= known || distance >= length_) return;
    if (known == kInfinity) touched_.push_back(column);
    known = distance;
    parents_[static_cast<size_t>(column)] = row;
    if (OwnerOf(column) == kFree) {
      length_ = distance;
      sink_ = column;
    } else {
      queue_.emplace_back(distance, column);
      std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
    }
  }

  // The nearest column that is not settled and nearer than the nearest free one, or kFree.
  int32_t SettleNearest() {
    while (!queue_.empty() && queue_.front().first < length_) {
      const auto [distance, column] = queue_.front();
      std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
      queue_.pop_back();
      if (is_settled_[static_cast<size_t>(column)] != 0 || distance > DistanceOf(column)) continue;
      is_settled_[static_cast<size_t>(column)] = 1;
      settled_.push_back(column);
      return column;
    }
    return kFree;
  }

  // Makes every step of the shortest path tight and keeps all slacks >= 0.
  void ShiftDuals(int32_t source) {
    if (source != kSlackRow) profits_[static_cast<size_t>(source)] -= length_;
    for (const int32_t column : settled_) {
      if (OwnerOf(column) == kSlackRow) continue;
      const double shift = length_ - DistanceOf(column);
      matching_.prices[static_cast<size_t>(column)] += shift;
      profits_[static_cast<size_t>(OwnerOf(column))] -= shift;
    }
    if (slack_distance_ == kInfinity) return;
    for (size_t column = 0; column < matching_.prices.size(); ++column) {
      if (matching_.row_of_column[column] == kSlackRow) matching_.prices[column] += length_ - slack_distance_;
    }
  }

  // Every row on the path takes the column after it and leaves the one before it; the first had none.
  void Flip() {
    for (int32_t column = sink_; column != kFree;) {
      const int32_t row = parents_[static_cast<size_t>(column)];
      const int32_t before = row == kSlackRow ? slack_entry_ : ColumnOf(row);
      if (before != kFree) matching_.Release(before);
      matching_.Give(column, row);
      column = before;
    }
  }

  const CandidateGraph& graph_;
  int64_t steps_left_;
  PricedMatching& matching_;
  std::vector<double> profits_;  // Row duals.
  // Of the path that is being looked for.
  std::vector<double> distances_;  // By column.
  std::vector<int32_t> parents_;   // Row before each column on its shortest path.
  std::vector<uint8_t> is_settled_;
  std::vector<int32_t> touched_;  // Columns with a distance.
  std::vector<int32_t> settled_;  // Columns whose distance is final.
  std::vector<Entry> queue_;      // A heap.
  double length_ = kInfinity;     // Of the shortest path to a free column so far.
  int32_t sink_ = kFree;
  double slack_distance_ = kInfinity;
  int32_t slack_entry_ = kFree;  // The column through which slack rows were reached; kFree where the path begins there.
};

}  // namespace

bool AugmentAll(const CandidateGraph& graph, int64_t most_steps, PricedMatching* matching) {
  return Augmentation(graph, most_steps, matching).Run();
}

}  // namespace seedbed
