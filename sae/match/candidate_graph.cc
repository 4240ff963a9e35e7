#include "sae/match/candidate_graph.h"

#include <algorithm>
#include <utility>

#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

constexpr int64_t kRowsInPiece = 64;

}  // namespace

CandidateGraph::CandidateGraph(const UnitRows& a, const UnitRows& b)
    : a_(a), b_(b), starts_(static_cast<size_t>(a.rows() + 1), 0) {}

bool CandidateGraph::Contains(int64_t row, int32_t column) const {
  const absl::Span<const int32_t> columns = columns_of(row);
  return std::binary_search(columns.begin(), columns.end(), column);
}

double CandidateGraph::Weight(int64_t row, int32_t column) const {
  const absl::Span<const int32_t> columns = columns_of(row);
  const auto at = std::lower_bound(columns.begin(), columns.end(), column) - columns.begin();
  return weights_of(row)[static_cast<size_t>(at)];
}

int64_t CandidateGraph::Add(ColumnLists* added) {
  std::vector<int64_t> starts(starts_.size(), 0);
  ForEachPiece(rows(), kRowsInPiece, [&](int64_t begin, int64_t end, int /*thread*/) {
    for (int64_t row = begin; row < end; ++row) {
      std::vector<int32_t>& fresh = (*added)[static_cast<size_t>(row)];
      std::sort(fresh.begin(), fresh.end());
      fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
      fresh.erase(std::remove_if(fresh.begin(), fresh.end(), [&](int32_t column) { return Contains(row, column); }),
                  fresh.end());
      starts[static_cast<size_t>(row + 1)] = start(row + 1) - start(row) + static_cast<int64_t>(fresh.size());
    }
  });
  for (size_t row = 1; row < starts.size(); ++row) starts[row] += starts[row - 1];
  const int64_t grown = starts.back() - pairs();

  std::vector<int32_t> columns(static_cast<size_t>(starts.back()));
  std::vector<double> weights(columns.size());
  ForEachPiece(rows(), kRowsInPiece, [&](int64_t begin, int64_t end, int /*thread*/) {
    for (int64_t row = begin; row < end; ++row) {
      std::vector<int32_t> fresh = std::move((*added)[static_cast<size_t>(row)]);
      (*added)[static_cast<size_t>(row)] = {};
      int64_t old = start(row);
      auto next = fresh.begin();
      for (auto at = static_cast<size_t>(starts[static_cast<size_t>(row)]);
           at < static_cast<size_t>(starts[static_cast<size_t>(row + 1)]); ++at) {
        const bool is_old = next == fresh.end() || (old < start(row + 1) && columns_[static_cast<size_t>(old)] < *next);
        columns[at] = is_old ? columns_[static_cast<size_t>(old)] : *next;
        weights[at] = is_old ? weights_[static_cast<size_t>(old)] : Cosine(a_, row, b_, *next);
        is_old ? ++old : static_cast<int64_t>((++next) - fresh.begin());
      }
    }
  });
  starts_ = std::move(starts);
  columns_ = std::move(columns);
  weights_ = std::move(weights);
  return grown;
}

}  // namespace seedbed
