#include "sae/match/auction.h"

#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace seedbed {
namespace {

// What a row with a single candidate raises its price by, as if the next best were so much worse.
constexpr double kOnlyChoice = 0.5;

std::vector<int32_t> FreeRows(const PricedMatching& matching) {
  std::vector<int32_t> free;
  for (auto row = matching.rows.rbegin(); row != matching.rows.rend(); ++row) {
    if (matching.column_of_row[static_cast<size_t>(*row)] == kFree) free.push_back(*row);
  }
  return free;
}

// The columns that no slack row has, by price. A price only rises, so one that is out of date comes out too early and
// goes in again.
class CheapestColumns {
 public:
  explicit CheapestColumns(const PricedMatching& matching) : matching_(matching) {
    for (size_t column = 0; column < matching.prices.size(); ++column) {
      if (matching.row_of_column[column] != kSlackRow) Add(static_cast<int32_t>(column));
    }
  }

  // Of a column that is not in the queue.
  void Add(int32_t column) { queue_.emplace(matching_.prices[static_cast<size_t>(column)], column); }

  // kFree if there is none.
  int32_t Take() {
    while (!queue_.empty()) {
      const auto [price, column] = queue_.top();
      queue_.pop();
      if (matching_.row_of_column[static_cast<size_t>(column)] == kSlackRow) continue;
      if (price == matching_.prices[static_cast<size_t>(column)]) return column;
      Add(column);
    }
    return kFree;
  }

 private:
  using Entry = std::pair<double, int32_t>;
  const PricedMatching& matching_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

// Bids of slack rows. Returns the row that lost its column, or kFree.
int32_t BidOfSlackRow(double epsilon, CheapestColumns* cheapest, PricedMatching* matching) {
  const int32_t column = cheapest->Take();
  if (matching->row_of_column[static_cast<size_t>(column)] != kFree) {
    // Someone may want it back, so it is taken at a price that makes another slack row as happy elsewhere.
    double& price = matching->prices[static_cast<size_t>(column)];
    const int32_t second = cheapest->Take();
    if (second != kFree) {
      price = matching->prices[static_cast<size_t>(second)];
      cheapest->Add(second);
    }
    price += epsilon;
  }
  return matching->Give(column, kSlackRow);
}

}  // namespace

void RunAuction(const CandidateGraph& graph, double epsilon, PricedMatching* matching) {
  std::vector<int32_t> free = FreeRows(*matching);
  const bool has_slack_rows = matching->rows.size() < matching->prices.size();
  std::vector<CheapestColumns> cheapest;  // At most one, made when it is needed.
  while (true) {
    if (!free.empty()) {
      const int32_t row = free.back();
      free.pop_back();
      const BestTwo best = FindBestTwo(graph, matching->prices, row);
      const double second = best.second_column == kFree ? best.profit - kOnlyChoice : best.second_profit;
      matching->prices[static_cast<size_t>(best.column)] += best.profit - second + epsilon;
      const int32_t loser = matching->Give(best.column, row);
      if (loser >= 0) free.push_back(loser);
      if (loser == kSlackRow && !cheapest.empty()) cheapest[0].Add(best.column);
    } else if (has_slack_rows && matching->free_slack_rows > 0) {
      if (cheapest.empty()) cheapest.emplace_back(*matching);
      const int32_t loser = BidOfSlackRow(epsilon, &cheapest[0], matching);
      if (loser >= 0) free.push_back(loser);
    } else {
      return;
    }
  }
}

void ReduceRows(const CandidateGraph& graph, PricedMatching* matching) {
  constexpr int64_t kBidsPerRow = 20;  // Near-ties could outbid one another for long by tiny raises.
  std::vector<int32_t> free = FreeRows(*matching);
  int64_t bids_left = kBidsPerRow * static_cast<int64_t>(matching->rows.size());
  while (!free.empty() && bids_left-- > 0) {
    const int32_t row = free.back();
    free.pop_back();
    const BestTwo best = FindBestTwo(graph, matching->prices, row);
    const bool raises = best.second_column != kFree && best.profit > best.second_profit;
    if (raises) matching->prices[static_cast<size_t>(best.column)] += best.profit - best.second_profit;
    int32_t column = best.column;
    if (!raises && matching->row_of_column[static_cast<size_t>(column)] != kFree) {
      column = best.second_column;  // As good.
      if (column == kFree || matching->row_of_column[static_cast<size_t>(column)] != kFree) continue;
    }
    const int32_t loser = matching->Give(column, row);
    if (loser >= 0) free.push_back(loser);
  }
}

}  // namespace seedbed
