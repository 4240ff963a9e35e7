// What is kept of rows and of batches, against sorting all of it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/arch/kernels/batch_selection.h"
#include "sae/arch/kernels/dense_reach.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/row_selection.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

// Pre-activations [rows, latents] with a bias.
struct Matrix {
  int64_t rows;
  int64_t latents;
  std::vector<float> values;
  std::vector<float> bias;

  PreActivations Rows(int64_t first, int64_t count) const {
    return {first, count, latents, values.data() + first * latents, bias.data()};
  }
  float At(int64_t row, int64_t latent) const {
    return values[static_cast<size_t>(row * latents + latent)] + bias[static_cast<size_t>(latent)];
  }
};

// `levels` different values, so that few make many ties.
Matrix RandomMatrix(int64_t rows, int64_t latents, uint64_t levels, uint64_t seed) {
  Matrix matrix{rows, latents, std::vector<float>(static_cast<size_t>(rows * latents)),
                std::vector<float>(static_cast<size_t>(latents))};
  SplitMix64 random(seed);
  for (float& value : matrix.values)
    value = static_cast<float>(random.Below(levels)) / static_cast<float>(levels) - 0.5f;
  for (float& value : matrix.bias) value = static_cast<float>(random.Below(3)) / 8 - 0.125f;
  return matrix;
}

std::vector<float> RandomNorms(int64_t latents) {
  SplitMix64 random(99);
  std::vector<float> norms(static_cast<size_t>(latents));
  for (float& norm : norms) norm = 0.5f + static_cast<float>(random.Below(8)) / 8;
  return norms;
}

std::vector<SelectionScratch> Scratch(int64_t latents, int64_t k) {
  std::vector<SelectionScratch> threads;
  while (static_cast<int>(threads.size()) < LoopThreads()) threads.emplace_back(latents, k);
  return threads;
}

// {row, latent, activation}
using Kept = std::vector<std::tuple<int64_t, uint32_t, float>>;

Kept KeptIn(const RowEntries& entries) {
  Kept kept;
  for (int64_t row = 0; row < entries.rows; ++row) {
    const auto start = static_cast<size_t>(entries.starts[static_cast<size_t>(row)]);
    for (size_t e = start; e < start + static_cast<size_t>(entries.counts[static_cast<size_t>(row)]); ++e) {
      kept.emplace_back(row, entries.latents[e], entries.values[e]);
    }
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

float RankOf(const Matrix& matrix, const std::vector<float>& norms, int64_t row, int64_t latent, bool negative) {
  const float value = negative ? matrix.At(row, latent) : std::max(matrix.At(row, latent), 0.0f);
  return norms.empty() ? value : value * norms[static_cast<size_t>(latent)];
}

// The `count` first of `order` after sorting by rank; without activations that are 0 unless `negative`.
Kept LargestOf(const Matrix& matrix, const std::vector<float>& norms, std::vector<std::pair<int64_t, int64_t>> order,
               int64_t count, bool negative = false) {
  std::stable_sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    return RankOf(matrix, norms, a.first, a.second, negative) > RankOf(matrix, norms, b.first, b.second, negative);
  });
  order.resize(std::min(order.size(), static_cast<size_t>(count)));
  Kept kept;
  for (const auto& [row, latent] : order) {
    const float value = matrix.At(row, latent);
    if (negative || value > 0) kept.emplace_back(row, static_cast<uint32_t>(latent), value);
  }
  return kept;
}

Kept LargestOfEachRow(const Matrix& matrix, const std::vector<float>& norms, const std::vector<uint32_t>& among,
                      int64_t k, bool negative = false) {
  Kept all;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    std::vector<std::pair<int64_t, int64_t>> order;
    for (const uint32_t latent : among) order.emplace_back(row, latent);
    const Kept kept = LargestOf(matrix, norms, order, k, negative);
    all.insert(all.end(), kept.begin(), kept.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

Kept LargestOfBatch(const Matrix& matrix, const std::vector<float>& norms, int64_t count) {
  std::vector<std::pair<int64_t, int64_t>> order;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    for (int64_t latent = 0; latent < matrix.latents; ++latent) order.emplace_back(row, latent);
  }
  Kept kept = LargestOf(matrix, norms, order, count);
  std::sort(kept.begin(), kept.end());
  return kept;
}

std::vector<uint32_t> AllLatents(int64_t latents) {
  std::vector<uint32_t> all(static_cast<size_t>(latents));
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

TEST(SelectLargest, KeepsTheLargestOfEachRowByActivationOrByNorm) {
  for (const uint64_t levels : {3, 50, 100'000}) {
    const Matrix matrix = RandomMatrix(70, 45, levels, levels);
    for (const std::vector<float>& norms : {std::vector<float>(), RandomNorms(45)}) {
      auto threads = Scratch(45, 45);
      for (const int64_t k : {1, 6, 45}) {
        RowEntries entries;
        entries.Resize(70, k);
        const float* by = norms.empty() ? nullptr : norms.data();
        SelectLargest(matrix.Rows(0, 32), k, by, &threads, &entries);
        SelectLargest(matrix.Rows(32, 38), k, by, &threads, &entries);
        EXPECT_THAT(KeptIn(entries), ElementsAreArray(LargestOfEachRow(matrix, norms, AllLatents(45), k)))
            << levels << " levels, k " << k;
      }
    }
  }
}

TEST(SelectLargest, ALatentWhoseDecoderRowIsZeroRanksAmongThoseThatAreZero) {
  const Matrix matrix{1, 4, {3, -1, 2, 5}, {0, 0, 0, 0}};
  const std::vector<float> norms = {1, 1, 1, 0};
  auto threads = Scratch(4, 4);
  RowEntries entries;
  entries.Resize(1, 4);
  SelectLargest(matrix.Rows(0, 1), 4, norms.data(), &threads, &entries);
  EXPECT_THAT(KeptIn(entries),
              ElementsAre(std::make_tuple(0, 0u, 3.0f), std::make_tuple(0, 2u, 2.0f), std::make_tuple(0, 3u, 5.0f)));
  SelectLargest(matrix.Rows(0, 1), 3, norms.data(), &threads, &entries);  // Latent 1 is the first of those that are 0.
  entries.starts = {0, 3};
  EXPECT_THAT(KeptIn(entries), ElementsAre(std::make_tuple(0, 0u, 3.0f), std::make_tuple(0, 2u, 2.0f)));
}

TEST(SelectLargestAmong, KeepsTheLargestOfTheCandidatesAlsoBelowZero) {
  const std::vector<uint32_t> latents = {1, 2, 5, 8, 13, 21, 30, 31, 32, 44};
  for (const uint64_t levels : {3, 100'000}) {
    const Matrix matrix = RandomMatrix(40, 45, levels, levels);
    for (const std::vector<float>& norms : {std::vector<float>(), RandomNorms(45)}) {
      for (const bool negative : {false, true}) {
        for (const int64_t k : {1, 4, 10}) {
          auto threads = Scratch(45, 10);
          RowEntries entries;
          entries.Resize(40, k);
          SelectLargestAmong({&latents, /*own_columns=*/false, negative}, matrix.Rows(0, 40), k,
                             norms.empty() ? nullptr : norms.data(), &threads, &entries);
          EXPECT_THAT(KeptIn(entries), ElementsAreArray(LargestOfEachRow(matrix, norms, latents, k, negative)))
              << levels << " levels, k " << k << (negative ? ", negative" : "");
        }
      }
    }
  }
}

TEST(SelectLargestAmong, ReadsColumnsOfTheirOwn) {
  const std::vector<uint32_t> latents = {1, 3};
  const std::vector<float> own = {0.5f, 0.25f, -2.0f, 4.0f};  // [2, 2]
  const std::vector<float> bias = {0, 1, 0, 2};
  auto threads = Scratch(4, 2);
  RowEntries entries;
  entries.Resize(2, 1);
  SelectLargestAmong({&latents, /*own_columns=*/true, /*negative=*/false}, {0, 2, 2, own.data(), bias.data()}, 1,
                     nullptr, &threads, &entries);
  EXPECT_THAT(KeptIn(entries), ElementsAre(std::make_tuple(0, 3u, 2.25f), std::make_tuple(1, 3u, 6.0f)));
}

// In tiles of `rows_in_tile` rows, again if need be. Returns how often.
int SelectOfBatch(const Matrix& matrix, const std::vector<float>& norms, int64_t count, int64_t rows_in_tile,
                  BatchSelection* selection, RowEntries* entries) {
  DenseReach reach(matrix.latents);
  int times = 0;
  do {
    ++times;
    selection->Begin(matrix.rows, count, norms.empty() ? nullptr : norms.data());
    for (int64_t first = 0; first < matrix.rows; first += rows_in_tile) {
      reach.AddTo(matrix.Rows(first, std::min(rows_in_tile, matrix.rows - first)), selection);
    }
  } while (!selection->Finish(entries));
  return times;
}

TEST(BatchSelection, KeepsTheLargestOfAllRowsWhateverTheTiles) {
  for (const uint64_t levels : {3, 50, 100'000}) {
    const Matrix matrix = RandomMatrix(300, 21, levels, levels);
    for (const std::vector<float>& norms : {std::vector<float>(), RandomNorms(21)}) {
      for (const int64_t count : {1, 300, 900, 6300}) {
        BatchSelection selection;
        for (const int64_t rows_in_tile : {64, 160, 512}) {
          RowEntries entries;
          EXPECT_EQ(SelectOfBatch(matrix, norms, count, rows_in_tile, &selection, &entries), 1);
          EXPECT_EQ(entries.rows, 300);
          EXPECT_THAT(KeptIn(entries), ElementsAreArray(LargestOfBatch(matrix, norms, count)))
              << levels << " levels, count " << count << ", tiles of " << rows_in_tile;
        }
      }
    }
  }
}

TEST(BatchSelection, SeesABatchAgainWhoseActivationsAreSmallerThanExpected) {
  const Matrix large = RandomMatrix(100, 30, 100'000, 1);
  Matrix small = RandomMatrix(100, 30, 100'000, 2);
  for (float& value : small.values) value *= 0.01f;
  for (float& value : small.bias) value *= 0.01f;
  BatchSelection selection;
  RowEntries entries;
  EXPECT_EQ(SelectOfBatch(large, {}, 200, 64, &selection, &entries), 1);
  EXPECT_EQ(SelectOfBatch(small, {}, 200, 64, &selection, &entries), 2);
  EXPECT_THAT(KeptIn(entries), ElementsAreArray(LargestOfBatch(small, {}, 200)));
  EXPECT_EQ(SelectOfBatch(large, {}, 200, 64, &selection, &entries), 1);
  EXPECT_THAT(KeptIn(entries), ElementsAreArray(LargestOfBatch(large, {}, 200)));
}

TEST(BatchSelection, KeepsNothingOfWhatIsNotPositiveOrNotANumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Matrix matrix{2, 3, {nan, -1, 0, 2, nan, -0.0f}, {0, 0, 0}};
  BatchSelection selection;
  RowEntries entries;
  for (int twice = 0; twice < 2; ++twice) {
    SelectOfBatch(matrix, {}, 4, 2, &selection, &entries);
    EXPECT_THAT(KeptIn(entries), ElementsAre(std::make_tuple(1, 0u, 2.0f)));
  }
}

}  // namespace
}  // namespace seedbed
