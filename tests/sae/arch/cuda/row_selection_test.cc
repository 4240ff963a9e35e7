// The selection of a row's largest activations against the CPU's.
#include "sae/arch/cuda/row_selection.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/row_selection.h"
#include "tests/sae/arch/cuda/gpu_test.h"

namespace seedbed {
namespace {

struct Problem {
  int64_t rows = 0;
  int64_t latents = 0;
  int64_t k = 0;
  std::vector<float> pre;
  std::vector<float> bias;
  std::vector<float> norms;  // Empty = none.
};

Problem RandomProblem(int64_t rows, int64_t latents, int64_t k, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Problem problem = {rows, latents, k, {}, {}, {}};
  for (int64_t i = 0; i < rows * latents; ++i) problem.pre.push_back(normal(random));
  for (int64_t i = 0; i < latents; ++i) problem.bias.push_back(0.1f * normal(random));
  return problem;
}

// A latent and its activation; those above 0 first, each part in ascending order of latent.
using Kept = std::vector<std::pair<int64_t, float>>;

struct Selected {
  std::vector<int32_t> counts;
  std::vector<Kept> rows;
};

Selected SelectedFrom(int64_t rows, int64_t places, const std::vector<int32_t>& counts,
                      const std::vector<int64_t>& latents, const std::vector<float>& values) {
  Selected selected = {counts, {}};
  selected.counts.resize(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) {
    Kept kept;
    for (int64_t place = row * places; place < (row + 1) * places; ++place) {
      kept.emplace_back(latents[static_cast<size_t>(place)], values[static_cast<size_t>(place)]);
    }
    const auto positive_end = kept.begin() + selected.counts[static_cast<size_t>(row)];
    std::sort(kept.begin(), positive_end);
    std::sort(positive_end, kept.end());
    selected.rows.push_back(kept);
  }
  return selected;
}

Selected SelectOnCpu(const Problem& problem) {
  RowEntries entries;
  entries.Resize(problem.rows, problem.k);
  std::vector<SelectionScratch> threads;
  for (int i = 0; i < 64; ++i) threads.emplace_back(problem.latents, problem.k);
  SelectLargest({0, problem.rows, problem.latents, problem.pre.data(), problem.bias.data()}, problem.k,
                problem.norms.empty() ? nullptr : problem.norms.data(), &threads, &entries);
  return SelectedFrom(problem.rows, problem.k, entries.counts, {entries.latents.begin(), entries.latents.end()},
                      entries.values);
}

std::vector<int32_t> Starts(int64_t rows, int64_t places) {
  std::vector<int32_t> starts;
  for (int64_t row = 0; row <= rows; ++row) starts.push_back(static_cast<int32_t>(row * places));
  return starts;
}

Selected SelectOnGpu(const Problem& problem) {
  const GpuArray<float> pre(problem.pre), bias(problem.bias), norms(problem.norms);
  const GpuArray<int32_t> starts(Starts(problem.rows, problem.k)), counts(problem.rows);
  const GpuArray<int32_t> latents(problem.rows * problem.k);
  const GpuArray<float> values(problem.rows * problem.k);
  DevicePreActivations tile;
  tile.rows = problem.rows;
  tile.columns = problem.latents;
  tile.stride = problem.latents;
  tile.values = pre.data();
  tile.bias = bias.data();
  tile.norms = problem.norms.empty() ? nullptr : norms.data();
  DeviceRowSelection selection;
  selection.k = problem.k;
  selection.fills = true;
  selection.entries = {
      problem.rows, problem.rows * problem.k, starts.data(), counts.data(), latents.data(), values.data(), nullptr};
  SelectLargestOfRows(/*stream=*/nullptr, tile, selection);
  const std::vector<int32_t> kept = latents.Read();
  return SelectedFrom(problem.rows, problem.k, counts.Read(), {kept.begin(), kept.end()}, values.Read());
}

void ExpectTheSame(const Problem& problem) {
  const Selected gpu = SelectOnGpu(problem);
  const Selected cpu = SelectOnCpu(problem);
  EXPECT_EQ(gpu.counts, cpu.counts);
  for (size_t row = 0; row < cpu.rows.size(); ++row) ASSERT_EQ(gpu.rows[row], cpu.rows[row]) << "row " << row;
}

using RowSelectionOnGpu = GpuTest;

TEST_F(RowSelectionOnGpu, KeepsTheLargestForEveryK) {
  for (const int64_t latents : {1, 31, 256, 257, 1000, 5000}) {
    for (const int64_t k : {1, 2, 32, 128, 129, 700, 5000}) {
      if (k <= latents) ExpectTheSame(RandomProblem(7, latents, k, static_cast<uint32_t>(latents + k)));
    }
  }
}

TEST_F(RowSelectionOnGpu, GivesTiesToTheLowerLatent) {
  for (const int64_t k : {5, 40, 200}) {
    Problem problem = RandomProblem(9, 900, k, 1);
    std::fill(problem.bias.begin(), problem.bias.end(), 0.0f);
    for (float& value : problem.pre) value = std::round(2 * value) / 2;
    ExpectTheSame(problem);
  }
}

// More candidates reach the bound than are listed.
TEST_F(RowSelectionOnGpu, ChoosesAmongThousandsOfTies) {
  Problem problem = RandomProblem(3, 6000, 17, 2);
  std::fill(problem.pre.begin(), problem.pre.end(), 1.0f);
  std::fill(problem.bias.begin(), problem.bias.end(), 0.5f);
  ExpectTheSame(problem);
  problem.pre[5999] = 2;
  problem.pre[6000 + 77] = -3;
  ExpectTheSame(problem);
}

TEST_F(RowSelectionOnGpu, FillsRowsWithTheFirstLatentsThatAreZero) {
  for (const int64_t k : {4, 200, 300}) {
    Problem problem = RandomProblem(4, 300, k, 3);
    std::fill(problem.pre.begin(), problem.pre.end(), -1.0f);  // Rows without any.
    std::fill(problem.bias.begin(), problem.bias.end(), 0.0f);
    problem.pre[300 + 299] = 1;
    problem.pre[300 + 1] = 2;
    for (size_t i = 600; i < 800; ++i) problem.pre[i] = static_cast<float>(i);
    ExpectTheSame(problem);
  }
}

TEST_F(RowSelectionOnGpu, RanksByNorms) {
  for (const int64_t k : {6, 160}) {
    Problem problem = RandomProblem(5, 500, k, 4);
    for (int64_t i = 0; i < 500; ++i) problem.norms.push_back(0.05f + static_cast<float>((i * 37) % 100));
    ExpectTheSame(problem);
  }
}

TEST_F(RowSelectionOnGpu, ALatentOfNormZeroIsKeptLastButCounted) {
  Problem problem = RandomProblem(2, 40, 30, 5);
  problem.norms.assign(40, 1.0f);
  problem.norms[3] = problem.norms[20] = 0;
  problem.pre[3] = problem.pre[40 + 20] = 9;
  ExpectTheSame(problem);
}

TEST_F(RowSelectionOnGpu, ANanIsNoActivation) {
  Problem problem = RandomProblem(3, 300, 8, 6);
  problem.pre[5] = problem.pre[300 + 299] = std::numeric_limits<float>::quiet_NaN();
  const Selected selected = SelectOnGpu(problem);
  for (const Kept& row : selected.rows) {
    for (const auto& [latent, value] : row) EXPECT_GT(value, 0) << latent;
  }
}

// Of the auxiliary loss: among some latents, also below 0, at most as many as there is memory for.
TEST_F(RowSelectionOnGpu, KeepsTheLargestAmongCandidatesBelowZero) {
  const Problem problem = RandomProblem(5, 300, 9, 7);
  const std::vector<uint32_t> candidates = {2, 3, 50, 51, 52, 100, 120, 180, 200, 201, 250, 299};
  const auto columns = static_cast<int64_t>(candidates.size());
  constexpr int64_t kStride = 16;
  std::vector<float> own(static_cast<size_t>(problem.rows * kStride), std::numeric_limits<float>::quiet_NaN());
  for (int64_t row = 0; row < problem.rows; ++row) {
    for (int64_t j = 0; j < columns; ++j) {
      const uint32_t latent = candidates[static_cast<size_t>(j)];
      own[static_cast<size_t>(row * kStride + j)] = problem.pre[static_cast<size_t>(row * 300 + latent)];
    }
  }
  for (const int32_t fewer : {0, 1, 6, 9}) {
    const GpuArray<float> pre(own), bias(problem.bias), values(problem.rows * 9);
    const GpuArray<int32_t> starts(Starts(problem.rows, 9)), counts(problem.rows), latents(problem.rows * 9);
    const GpuArray<int32_t> column_latents(std::vector<int32_t>(candidates.begin(), candidates.end()));
    const GpuArray<int32_t> k(std::vector<int32_t>{fewer});
    DevicePreActivations tile = {0,          problem.rows,          columns,     kStride,
                                 pre.data(), column_latents.data(), bias.data(), nullptr,
                                 nullptr,    /*negative=*/true};
    DeviceRowSelection selection;
    selection.k = 9;
    selection.fewer = k.data();
    selection.entries = {problem.rows,   problem.rows * 9, starts.data(), counts.data(),
                         latents.data(), values.data(),    nullptr};
    SelectLargestOfRows(/*stream=*/nullptr, tile, selection);
    EXPECT_EQ(counts.Read(), std::vector<int32_t>(static_cast<size_t>(problem.rows), fewer));
    const std::vector<int32_t> kept = latents.Read();
    for (int64_t row = 0; row < problem.rows; ++row) {
      std::vector<uint32_t> order = candidates;
      const auto activation = [&](uint32_t latent) {
        return problem.pre[static_cast<size_t>(row * 300 + latent)] + problem.bias[latent];
      };
      std::stable_sort(order.begin(), order.end(),
                       [&](uint32_t a, uint32_t b) { return activation(a) > activation(b); });
      order.resize(static_cast<size_t>(fewer));
      std::sort(order.begin(), order.end());
      const auto begin = kept.begin() + row * 9;
      EXPECT_EQ(std::vector<uint32_t>(begin, begin + fewer), order) << "row " << row;
    }
  }
}

}  // namespace
}  // namespace seedbed
