#include "sae/match/candidates.h"

#include <immintrin.h>

#include <utility>

#include "sae/arch/kernels/parallel.h"
#include "sae/match/best_of_each.h"

namespace seedbed {
namespace {

constexpr int64_t kLanes = 8;

// A bit for each of eight products that is good enough for its row or for its column.
uint32_t GoodEnough(const float* products, float row_threshold, const float* column_thresholds) {
  const __m256 values = _mm256_loadu_ps(products);
  const __m256 row = _mm256_cmp_ps(values, _mm256_set1_ps(row_threshold), _CMP_GE_OQ);
  const __m256 column = _mm256_cmp_ps(values, _mm256_loadu_ps(column_thresholds), _CMP_GE_OQ);
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_or_ps(row, column)));
}

class Search {
 public:
  Search(const ChosenRows& rows, const ChosenRows& columns, int64_t most, ColumnLists* candidates)
      : rows_(rows),
        columns_(columns),
        candidates_(candidates),
        best_of_rows_(Count(rows), most, Count(columns)),
        best_of_columns_(static_cast<size_t>(LoopThreads()), BestOfEach(kChunkColumns, most, Count(rows))) {
    thresholds_.of_column.resize(columns.indices.size());
  }

  CandidateThresholds Run(const ProductSweep& sweep) {
    sweep.Run(
        rows_, columns_,
        {[](int64_t /*row*/, int64_t /*column*/) { return true; }, [this](const ProductTile& tile) { Visit(tile); },
         [this](int64_t first, int64_t count) { FinishColumns(first, count); }});
    for (int64_t row = 0; row < Count(rows_); ++row) {
      std::vector<int32_t>& found = (*candidates_)[static_cast<size_t>(rows_.indices[row])];
      for (const Scored& best : best_of_rows_.Finish(row)) found.push_back(columns_.indices[best.index]);
      thresholds_.of_row.push_back(best_of_rows_.threshold(row));
    }
    return std::move(thresholds_);
  }

 private:
  static int64_t Count(const ChosenRows& chosen) { return static_cast<int64_t>(chosen.indices.size()); }

  void Visit(const ProductTile& tile) {
    BestOfEach& best_of_columns = best_of_columns_[static_cast<size_t>(tile.thread)];
    const int64_t first_in_chunk = tile.first_column % kChunkColumns;
    const float* column_thresholds = best_of_columns.thresholds() + first_in_chunk;
    for (int64_t i = 0; i < tile.rows; ++i) {
      const float* products = tile.products + i * kTileColumns;
      const int64_t row = tile.first_row + i;
      for (int64_t j = 0; j < tile.columns; j += kLanes) {
        uint32_t good = GoodEnough(products + j, best_of_rows_.threshold(row), column_thresholds + j);
        for (; good != 0; good &= good - 1) {
          const int64_t column = j + __builtin_ctz(good);
          if (column >= tile.columns) break;
          best_of_rows_.Offer(row, products[column], static_cast<int32_t>(tile.first_column + column));
          best_of_columns.Offer(first_in_chunk + column, products[column], static_cast<int32_t>(row));
        }
      }
    }
  }

  // Joins what the threads found for the columns of the chunk.
  void FinishColumns(int64_t first, int64_t count) {
    constexpr int64_t kColumnsInPiece = 16;
    BestOfEach& all = best_of_columns_[0];
    ForEachPiece(count, kColumnsInPiece, [&](int64_t begin, int64_t end, int /*thread*/) {
      for (int64_t column = begin; column < end; ++column) {
        for (size_t thread = 1; thread < best_of_columns_.size(); ++thread) {
          for (const Scored& best : best_of_columns_[thread].Finish(column)) {
            all.Offer(column, best.score, best.index);
          }
        }
        all.Finish(column);
      }
    });
    for (int64_t column = 0; column < count; ++column) {
      for (const Scored& best : all.Finish(column)) {
        (*candidates_)[static_cast<size_t>(rows_.indices[best.index])].push_back(columns_.indices[first + column]);
      }
      thresholds_.of_column[static_cast<size_t>(first + column)] = all.threshold(column);
    }
    for (BestOfEach& best : best_of_columns_) best.Clear(first + count);
  }

  const ChosenRows& rows_;
  const ChosenRows& columns_;
  ColumnLists* const candidates_;
  BestOfEach best_of_rows_;
  std::vector<BestOfEach> best_of_columns_;  // [threads] Of the columns of one chunk.
  CandidateThresholds thresholds_;
};

}  // namespace

CandidateThresholds FindCandidates(const ChosenRows& rows, const ChosenRows& columns, int64_t most,
                                   const ProductSweep& sweep, ColumnLists* candidates) {
  return Search(rows, columns, most, candidates).Run(sweep);
}

}  // namespace seedbed
