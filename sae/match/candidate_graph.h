// The pairs that a matching may be made of, with exact weights: a sparse part of the similarity matrix.
#ifndef SEEDBED_SAE_MATCH_CANDIDATE_GRAPH_H_
#define SEEDBED_SAE_MATCH_CANDIDATE_GRAPH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "sae/match/unit_rows.h"

namespace seedbed {

// [rows] Columns, in any order, any number of times.
using ColumnLists = std::vector<std::vector<int32_t>>;

// Pairs are kept by row, in the order of columns; a pair is there at most once. Pairs are only ever added. The views
// that accessors return hold until the next Add. Reading is safe from many threads.
class CandidateGraph {
 public:
  // Without pairs. Both must outlive it.
  CandidateGraph(const UnitRows& a, const UnitRows& b);

  int64_t rows() const { return a_.rows(); }
  int64_t columns() const { return b_.rows(); }
  int64_t pairs() const { return starts_.back(); }

  absl::Span<const int32_t> columns_of(int64_t row) const {
    return absl::MakeConstSpan(columns_.data() + start(row), static_cast<size_t>(start(row + 1) - start(row)));
  }
  // Cosines, beside columns_of.
  absl::Span<const double> weights_of(int64_t row) const {
    return absl::MakeConstSpan(weights_.data() + start(row), static_cast<size_t>(start(row + 1) - start(row)));
  }
  bool Contains(int64_t row, int32_t column) const;
  // Of a pair that is there.
  double Weight(int64_t row, int32_t column) const;

  // Computes the weights of the pairs that are new, in parallel. Empties `added`. Returns how many were new.
  int64_t Add(ColumnLists* added);

 private:
  int64_t start(int64_t row) const { return starts_[static_cast<size_t>(row)]; }

  const UnitRows& a_;
  const UnitRows& b_;
  std::vector<int64_t> starts_;  // [rows + 1]
  std::vector<int32_t> columns_;
  std::vector<double> weights_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_CANDIDATE_GRAPH_H_
