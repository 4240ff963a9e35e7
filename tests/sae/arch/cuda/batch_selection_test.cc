// The selection of a batch's largest activations, tile by tile, against the CPU's.
#include <algorithm>
#include <cmath>
#include <random>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "sae/arch/cuda/batch_selection_buffer.h"
#include "tests/sae/arch/cuda/gpu_test.h"

namespace seedbed {
namespace {

constexpr int64_t kLatents = 70;

struct Entry {
  int64_t row;
  int64_t latent;
  float value;
  bool operator==(const Entry& other) const {
    return std::tie(row, latent, value) == std::tie(other.row, other.latent, other.value);
  }
};

std::vector<float> RandomValues(int64_t rows, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(rows * kLatents));
  for (float& value : values) value = normal(random);
  return values;
}

// By sorting all of them.
std::vector<Entry> Largest(const std::vector<float>& pre, const std::vector<float>& norms, int64_t count) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < pre.size(); ++i) {
    const auto latent = static_cast<int64_t>(i) % kLatents;
    if (pre[i] > 0) entries.push_back({static_cast<int64_t>(i) / kLatents, latent, pre[i]});
  }
  const auto rank = [&](const Entry& e) {
    return norms.empty() ? e.value : e.value * norms[static_cast<size_t>(e.latent)];
  };
  std::stable_sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) { return rank(a) > rank(b); });
  if (static_cast<int64_t>(entries.size()) > count) entries.resize(static_cast<size_t>(count));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.row, a.latent) < std::tie(b.row, b.latent); });
  return entries;
}

class Selector {
 public:
  explicit Selector(std::vector<float> norms = {}) : buffer_(Gpu()), norms_(norms), device_norms_(norms) {}

  std::vector<Entry> Select(const std::vector<float>& pre, int64_t count, int64_t rows_in_tile) {
    const auto rows = static_cast<int64_t>(pre.size()) / kLatents;
    const GpuArray<float> bias(kLatents), all(pre);
    DeviceBatchSelection selection = buffer_.Make(count, rows_in_tile);
    selection.Begin(/*stream=*/nullptr);
    for (int64_t first = 0; first < rows; first += rows_in_tile) {
      DevicePreActivations tile;
      tile.first_row = first;
      tile.rows = std::min(rows_in_tile, rows - first);
      tile.columns = kLatents;
      tile.stride = kLatents;
      tile.values = all.data() + first * kLatents;
      tile.bias = bias.data();
      tile.norms = norms_.empty() ? nullptr : device_norms_.data();
      selection.Add(/*stream=*/nullptr, tile);
    }
    return Read(&selection, rows, count);
  }

 private:
  static std::vector<Entry> Read(DeviceBatchSelection* selection, int64_t rows, int64_t count) {
    const GpuArray<int32_t> starts(rows + 1), counts(rows);
    const GpuArray<int32_t> latents(count);
    const GpuArray<float> values(count);
    DeviceEntries entries = {rows, count, starts.data(), counts.data(), nullptr, nullptr, nullptr};
    selection->Finish(/*stream=*/nullptr, &entries);
    const auto copy = [&](void* to, const void* from) {
      cudaMemcpy(to, from, static_cast<size_t>(count) * sizeof(int32_t), cudaMemcpyDeviceToDevice);
    };
    copy(latents.data(), entries.latents);
    copy(values.data(), entries.values);
    const std::vector<int32_t> row_starts = starts.Read(), row_counts = counts.Read(), kept = latents.Read();
    const std::vector<float> activations = values.Read();
    std::vector<Entry> found;
    for (int64_t row = 0; row < rows; ++row) {
      const int32_t start = row_starts[static_cast<size_t>(row)];
      for (int32_t e = start; e < start + row_counts[static_cast<size_t>(row)]; ++e) {
        found.push_back({row, kept[static_cast<size_t>(e)], activations[static_cast<size_t>(e)]});
      }
    }
    return found;
  }

  BatchSelectionBuffer buffer_;
  const std::vector<float> norms_;
  const GpuArray<float> device_norms_;
};

using BatchSelectionOnGpu = GpuTest;

TEST_F(BatchSelectionOnGpu, KeepsTheLargestOfAllTiles) {
  for (const int64_t rows_in_tile : {1, 7, 16, 50}) {
    for (const int64_t count : {1, 50, 300, 1700, 3500}) {
      Selector selector;
      const std::vector<float> pre = RandomValues(50, static_cast<uint32_t>(count));
      EXPECT_EQ(selector.Select(pre, count, rows_in_tile), Largest(pre, {}, count)) << rows_in_tile << " " << count;
    }
  }
}

TEST_F(BatchSelectionOnGpu, GivesTiesToEarlierRowsThenLowerLatents) {
  std::vector<float> pre = RandomValues(40, 1);
  for (float& value : pre) value = std::round(2 * value) / 2;
  const std::vector<float> alike(pre.size(), 1.5f);
  for (const int64_t rows_in_tile : {7, 40}) {
    for (const int64_t count : {10, 333, 900}) {
      Selector selector;
      EXPECT_EQ(selector.Select(pre, count, rows_in_tile), Largest(pre, {}, count)) << rows_in_tile << " " << count;
      EXPECT_EQ(selector.Select(alike, count, rows_in_tile), Largest(alike, {}, count)) << rows_in_tile << " " << count;
    }
  }
}

TEST_F(BatchSelectionOnGpu, RanksByNorms) {
  std::vector<float> norms;
  for (int64_t i = 0; i < kLatents; ++i) norms.push_back(0.1f + static_cast<float>((i * 31) % 17));
  Selector selector(norms);
  const std::vector<float> pre = RandomValues(30, 2);
  EXPECT_EQ(selector.Select(pre, 111, 8), Largest(pre, norms, 111));
}

// What a batch kept is a guess for the next one, and must not be more.
TEST_F(BatchSelectionOnGpu, BatchesOfOtherScalesAreSelectedFromAlike) {
  Selector selector;
  uint32_t seed = 0;
  for (const float scale : {1.0f, 0.01f, 100.0f, 0.5f, 1e-3f, 30.0f, 29.0f, 31.0f}) {
    std::vector<float> pre = RandomValues(48, ++seed);
    for (float& value : pre) value *= scale;
    for (const int64_t rows_in_tile : {16, 48}) {
      EXPECT_EQ(selector.Select(pre, 240, rows_in_tile), Largest(pre, {}, 240)) << scale << " " << rows_in_tile;
    }
  }
}

TEST_F(BatchSelectionOnGpu, ABatchWithTooFewKeepsAllThatThereAre) {
  Selector selector;
  std::vector<float> pre(static_cast<size_t>(20 * kLatents), -1.0f);
  EXPECT_TRUE(selector.Select(pre, 60, 6).empty());
  pre[kLatents + 3] = 2;
  pre[19 * kLatents] = 1;
  EXPECT_EQ(selector.Select(pre, 60, 6), Largest(pre, {}, 60));
}

}  // namespace
}  // namespace seedbed
