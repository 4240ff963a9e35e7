// The decoder's kernel against the same sums written plainly.
#include "sae/arch/kernels/decode.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/zeros.h"
#include "gtest/gtest.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/parallel.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

constexpr int64_t kRows = 45;  // A full piece and one that is not.
constexpr int64_t kLatents = 24;
constexpr int64_t kWidth = 32;
constexpr float kLossScale = 0.5f;
constexpr float kTargetScale = -2.0f;
constexpr double kRounding = 1e-6;

float* Data(const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }

// Row r has r % 7 entries.
class Decode : public testing::Test {
 protected:
  Decode() : activations_(at::zeros({kRows, kLatents})) {
    entries_.Resize(kRows, 8);
    for (int64_t row = 0; row < kRows; ++row) {
      const int64_t count = row % 7;
      entries_.counts[static_cast<size_t>(row)] = static_cast<int32_t>(count);
      for (int64_t j = 0; j < count; ++j) {
        const auto place = static_cast<size_t>(entries_.starts[static_cast<size_t>(row)] + j);
        entries_.latents[place] = static_cast<uint32_t>(j * 3 + row % 5);
        entries_.values[place] = 0.25f * static_cast<float>(j + 1);
        activations_[row][entries_.latents[place]] = entries_.values[place];
      }
    }
  }

  DecodeSums Run(const std::vector<int64_t>& group_ends, const float* input_norms) {
    gradient_ = at::empty({static_cast<int64_t>(group_ends.size()), kRows, kWidth});
    DecodePass pass;
    pass.width = kWidth;
    pass.decoder = Data(decoder_);
    pass.group_ends = group_ends;
    pass.target = Data(target_);
    pass.target_scale = kTargetScale;
    pass.loss_scale = kLossScale;
    pass.input_norms = input_norms;
    pass.entries = &entries_;
    pass.gradient = Data(gradient_);
    pass.column_sums = Data(column_sums_);
    std::vector<DecodeSums> pieces(static_cast<size_t>(PieceCount(kRows, kRowsInPiece)));
    return RunDecode(pass, &pieces);
  }

  // x_hat - target of the latents below `end`.
  at::Tensor Error(int64_t end) const {
    return at::mm(activations_.narrow(1, 0, end), decoder_.narrow(0, 0, end)) - kTargetScale * target_;
  }

  const at::Tensor decoder_ = at::randn({kLatents, kWidth});
  const at::Tensor target_ = at::randn({kRows, kWidth});
  at::Tensor activations_;
  RowEntries entries_;
  at::Tensor gradient_;
  at::Tensor column_sums_ = at::empty({2, kWidth});
};

TEST_F(Decode, SumsErrorsAndGradientsOfNestedPrefixes) {
  const at::Tensor norms = at::randn({kRows}).abs();
  for (const std::vector<int64_t>& ends : {std::vector<int64_t>{kLatents}, {3, 10, kLatents}, {1, 2, 23, kLatents}}) {
    const DecodeSums sums = Run(ends, Data(norms));
    double all = 0;
    at::Tensor expected = at::zeros({kRows, kWidth});
    at::Tensor by_activation = at::empty({kRows, kLatents});
    for (auto g = static_cast<int64_t>(ends.size()) - 1; g >= 0; --g) {
      const int64_t end = ends[static_cast<size_t>(g)];
      const int64_t begin = g == 0 ? 0 : ends[static_cast<size_t>(g) - 1];
      const at::Tensor error = Error(end);
      all += error.square().sum().item<double>();
      expected += kLossScale * error;
      EXPECT_LE(RelativeDifference(gradient_[g], expected), kRounding) << ends.size() << " groups, group " << g;
      by_activation.narrow(1, begin, end - begin).copy_(at::mm(expected, decoder_.narrow(0, begin, end - begin).t()));
    }
    EXPECT_NEAR(sums.squared_errors, all, 1e-5 * all);
    const double last = Error(kLatents).square().sum().item<double>();
    EXPECT_NEAR(sums.squared_error, last, 1e-5 * last);
    EXPECT_LE(RelativeDifference(column_sums_.sum(0), gradient_[0].sum(0)), 4 * kRounding);
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t e = entries_.starts[static_cast<size_t>(row)];
           e < entries_.starts[static_cast<size_t>(row)] + entries_.counts[static_cast<size_t>(row)]; ++e) {
        const auto place = static_cast<size_t>(e);
        EXPECT_NEAR(entries_.gradients[place], by_activation[row][entries_.latents[place]].item<double>(), 1e-4);
      }
    }
    EXPECT_EQ(sums.active, std::accumulate(entries_.counts.begin(), entries_.counts.end(), 0));
    EXPECT_EQ(sums.smallest_active, 0.25f);
  }
}

// Bounds hold for every element that the gradients may have.
TEST_F(Decode, BoundsAreAboveTheGradients) {
  const at::Tensor input = at::randn({kRows, kWidth});
  const at::Tensor norms = input.norm(2, {1});
  const DecodeSums sums = Run({5, kLatents}, Data(norms));
  at::Tensor by_activation = at::zeros({kRows, kLatents});
  for (int64_t row = 0; row < kRows; ++row) {
    for (int32_t j = 0; j < entries_.counts[static_cast<size_t>(row)]; ++j) {
      const auto place = static_cast<size_t>(entries_.starts[static_cast<size_t>(row)] + j);
      by_activation[row][entries_.latents[place]] = entries_.gradients[place];
    }
  }
  EXPECT_GE(sums.encoder_bound, at::mm(by_activation.t(), input).abs().max().item<double>());
  EXPECT_GE(sums.decoder_bound, at::mm(activations_.t(), gradient_[0]).abs().max().item<double>());
}

TEST_F(Decode, ActivationsTakenAsGivenGetNoGradient) {
  std::fill(entries_.gradients.begin(), entries_.gradients.end(), 77.0f);
  EXPECT_EQ(Run({kLatents}, nullptr).encoder_bound, 0);
  for (const float gradient : entries_.gradients) EXPECT_EQ(gradient, 77.0f);
}

TEST_F(Decode, AnInputThatIsNotFiniteMakesTheBoundSo) {
  at::Tensor norms = at::randn({kRows}).abs();
  norms[0] = std::numeric_limits<float>::quiet_NaN();  // Row 0 has no entries: what is not a number is never kept.
  EXPECT_TRUE(std::isnan(Run({kLatents}, Data(norms)).encoder_bound));
}

TEST(SquaresAroundMean, AreTheVarianceOfAllColumns) {
  const at::Tensor matrix = MakeBatch(70, kWidth, 3);
  at::Tensor partial = at::empty({3, kWidth}), mean = at::empty({kWidth});
  std::vector<double> sums(3);
  const double expected = (matrix - matrix.mean(0)).square().sum().item<double>();
  EXPECT_NEAR(SquaresAroundMean(Data(matrix), 70, kWidth, Data(partial), Data(mean), &sums), expected, 1e-5 * expected);
}

}  // namespace
}  // namespace seedbed
