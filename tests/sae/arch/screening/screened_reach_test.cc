// The largest activations of a screened batch are those of all dot products, bit by bit, whatever is ruled out.
#include "sae/arch/kernels/screening/screened_reach.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "ATen/Parallel.h"
#include "absl/cleanup/cleanup.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/arch/kernels/batch_selection.h"
#include "sae/arch/kernels/rows.h"
#include "tests/sae/arch/screening/screening_problem.h"

namespace seedbed {
namespace {

using ::testing::Each;
using ::testing::ElementsAreArray;
using ::testing::Lt;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// {row, latent, activation}, in this order.
using Kept = std::vector<std::tuple<int64_t, uint32_t, float>>;

// By sorting all of them.
Kept FromAllDots(const Problem& p, const std::vector<float>& norms) {
  std::vector<uint32_t> all(static_cast<size_t>(p.latents));
  std::iota(all.begin(), all.end(), 0u);
  std::vector<float> dots(all.size());
  std::vector<std::tuple<float, int64_t, uint32_t, float>> ranked;
  for (int64_t row = 0; row < p.rows; ++row) {
    DotRows(p.x.data() + row * p.width, all.data(), p.latents, p.encoder.data(), p.width, dots.data());
    for (const uint32_t latent : all) {
      const float activation = dots[latent] + p.bias[latent];
      const float rank = norms.empty() ? activation : activation * norms[latent];
      if (rank > 0) ranked.emplace_back(-rank, row, latent, activation);
    }
  }
  std::sort(ranked.begin(), ranked.end());
  ranked.resize(std::min(ranked.size(), static_cast<size_t>(p.rows * p.k)));
  Kept kept;
  for (const auto& [rank, row, latent, activation] : ranked) kept.emplace_back(row, latent, activation);
  std::sort(kept.begin(), kept.end());
  return kept;
}

struct Outcome {
  Kept kept;
  int times = 0;  // That the batch was seen.
};

Outcome Select(const Problem& p, const std::vector<float>& norms, ScreenedReach* reach, BatchSelection* selection) {
  Outcome outcome;
  RowEntries entries;
  reach->Prepare(p.encoder.data(), p.bias.data(), DataOf(norms));
  do {
    ++outcome.times;
    selection->Begin(p.rows, p.rows * p.k, DataOf(norms));
    if (outcome.times == 1 && selection->bound() == 0) {
      selection->Guess(reach->EstimateBound(p.x.data(), p.rows, p.rows * p.k));
    }
    reach->AddTo(p.x.data(), p.rows, selection);
  } while (!selection->Finish(&entries));
  for (int64_t row = 0; row < entries.rows; ++row) {
    const int64_t start = entries.starts[static_cast<size_t>(row)];
    for (int64_t e = start; e < start + entries.counts[static_cast<size_t>(row)]; ++e) {
      outcome.kept.emplace_back(row, entries.latents[static_cast<size_t>(e)], entries.values[static_cast<size_t>(e)]);
    }
  }
  return outcome;
}

class ScreenedBatch : public ScreeningKernelTest {
 protected:
  std::unique_ptr<ScreenedReach> ReachFor(const Problem& p) {
    auto reach = std::make_unique<ScreenedReach>(p.latents, p.width, *GetParam().kernel);
    if (GetParam().with_directions) reach->FindDirections(p.x.data(), p.rows);
    return reach;
  }

  // Twice, the second time with what the first time showed. Returns how many dot products each row then took.
  std::vector<int32_t> ExpectExact(const Problem& p) {
    std::vector<int32_t> dots;
    for (const std::vector<float>& norms : {RandomNorms(p.latents), std::vector<float>()}) {
      const std::unique_ptr<ScreenedReach> reach = ReachFor(p);
      BatchSelection selection;
      const Kept expected = FromAllDots(p, norms);
      EXPECT_THAT(Select(p, norms, reach.get(), &selection).kept, ElementsAreArray(expected));
      EXPECT_THAT(Select(p, norms, reach.get(), &selection).kept, ElementsAreArray(expected));
      dots = reach->dots();
    }
    return dots;
  }
};

TEST_P(ScreenedBatch, KeepsTheLargestOfEveryShape) {
  struct Shape {
    int64_t latents, width, rows, k;
  };
  for (const Shape& s : {Shape{1, 16, 1, 1}, Shape{7, 16, 3, 7}, Shape{47, 32, 9, 5}, Shape{49, 48, 65, 16},
                         Shape{500, 576, 70, 32}, Shape{2305, 64, 20, 32}, Shape{5000, 96, 1100, 3}}) {
    SCOPED_TRACE(std::to_string(s.latents) + " latents of " + std::to_string(s.width));
    ExpectExact(Problem(s.latents, s.width, s.rows, s.k, 1));
  }
}

TEST_P(ScreenedBatch, RulesOutNearlyAllOfWhatIsFarFromTheBound) {
  Problem p(4000, 128, 16, 8, 2);
  for (float& value : p.bias) value = 0;
  for (int64_t i = 0; i < 40; ++i) {  // Some latents that stand out for each row.
    for (int64_t q = 0; q < p.width; ++q) p.encoder_row(100 * i)[q] = 0.2f * p.row(i % p.rows)[q] + 0.01f * p.row(0)[q];
  }
  EXPECT_THAT(ExpectExact(p), Each(Lt(400)));
}

TEST_P(ScreenedBatch, EqualActivationsGoToTheEarlierRowAndTheLowerLatent) {
  Problem p(2000, 64, 20, 16, 4);
  for (int64_t i = 0; i < p.latents; ++i) {
    std::copy(p.encoder_row(i % 7), p.encoder_row(i % 7) + p.width, p.encoder_row(i));
    p.bias[static_cast<size_t>(i)] = 0.5f;
  }
  for (int64_t row = 10; row < 20; ++row) std::copy(p.row(row - 10), p.row(row - 10) + p.width, p.row(row));
  ExpectExact(p);
}

TEST_P(ScreenedBatch, FewerThanWantedArePositive) {
  Problem p(900, 64, 12, 32, 7);
  for (float& value : p.bias) value = -1.2f;
  ASSERT_LT(FromAllDots(p, {}).size(), 12u * 32);
  ExpectExact(p);
  for (float& value : p.bias) value = -100;
  ExpectExact(p);
}

TEST_P(ScreenedBatch, RowsAndLatentsThatAreNotFiniteSpoilNoOther) {
  Problem p(2500, 64, 70, 16, 12);
  p.row(2)[7] = kNan;
  p.encoder_row(40)[3] = kNan;
  p.bias[7] = kNan;
  p.bias[9] = -std::numeric_limits<float>::infinity();
  ExpectExact(p);
}

TEST_P(ScreenedBatch, ABatchOfSmallerActivationsIsSeenAgain) {
  Problem large(2500, 64, 70, 16, 3);
  Problem small(2500, 64, 70, 16, 4);
  for (float& value : small.x) value *= 0.01f;
  for (float& value : small.bias) value *= 0.01f;
  large.bias = small.bias;
  large.encoder = small.encoder;
  const std::unique_ptr<ScreenedReach> reach = ReachFor(large);
  BatchSelection selection;
  EXPECT_EQ(Select(large, {}, reach.get(), &selection).times, 1);
  const Outcome outcome = Select(small, {}, reach.get(), &selection);
  EXPECT_EQ(outcome.times, 2);
  EXPECT_THAT(outcome.kept, ElementsAreArray(FromAllDots(small, {})));
}

// One row holds nearly all that is kept, and it is none of those that the bound is estimated by.
TEST_P(ScreenedBatch, AnEstimateThatMissesWhatMattersIsMended) {
  Problem p(2500, 64, 400, 2, 5);
  for (int64_t row = 0; row < p.rows; ++row) {
    if (row % 100 == 0) continue;
    for (int64_t q = 0; q < p.width; ++q) p.row(row)[q] *= 1e-3f;
  }
  for (float& value : p.bias) value = 0;
  ExpectExact(p);
}

TEST_P(ScreenedBatch, FollowsTheWeightsAndTheNumberOfThreads) {
  const int before = at::get_num_threads();
  const absl::Cleanup restore = [before] { at::set_num_threads(before); };
  Problem p(3000, 64, 1200, 8, 16);
  const std::unique_ptr<ScreenedReach> reach = ReachFor(p);
  BatchSelection selection;
  for (const int threads : {1, 3, 2}) {
    at::set_num_threads(threads);
    for (size_t i = 0; i < p.encoder.size(); i += 3) p.encoder[i] *= -0.9f;
    EXPECT_THAT(Select(p, {}, reach.get(), &selection).kept, ElementsAreArray(FromAllDots(p, {})));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, ScreenedBatch, testing::ValuesIn(KernelCases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace seedbed
