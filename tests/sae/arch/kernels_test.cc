// The kernels' pieces against the same sums written plainly, and their independence of the number of threads.
#include <atomic>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/mv.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/zeros.h"
#include "absl/cleanup/cleanup.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"
#include "sae/arch/kernels/update.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr double kRounding = 1e-6;

float* Data(const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }

// Every way that columns fall into blocks.
class Rows : public testing::TestWithParam<int64_t> {
 protected:
  const int64_t width_ = GetParam();
  const at::Tensor matrix_ = at::randn({9, width_});
  const at::Tensor row_ = at::randn({width_});
  const std::vector<uint32_t> chosen_ = {4, 0, 7, 7, 1, 8, 2};
  const std::vector<float> weights_ = {0.5f, -1, 2, 0.25f, 3, -0.125f, 1};
};

TEST_P(Rows, SumRowsAndAddRows) {
  at::Tensor expected = at::zeros({width_});
  for (size_t i = 0; i < chosen_.size(); ++i) expected += matrix_[chosen_[i]] * weights_[i];
  at::Tensor sum = at::empty({width_});
  const WeightedRows chosen{chosen_.data(), weights_.data(), static_cast<int64_t>(chosen_.size())};
  SumRows(chosen, Data(matrix_), width_, Data(sum));
  EXPECT_LE(RelativeDifference(sum, expected), kRounding);
  AddRows(chosen, Data(matrix_), width_, Data(sum));
  EXPECT_LE(RelativeDifference(sum, 2 * expected), kRounding);
  SumRows({chosen_.data(), weights_.data(), 0}, Data(matrix_), width_, Data(sum));
  EXPECT_EQ(sum.abs().max().item<float>(), 0);
}

TEST_P(Rows, DotsAndDistances) {
  std::vector<float> dots(chosen_.size());
  DotRows(Data(row_), chosen_.data(), static_cast<int64_t>(chosen_.size()), Data(matrix_), width_, dots.data());
  const double scale = std::sqrt(static_cast<double>(width_));
  for (size_t i = 0; i < chosen_.size(); ++i) {
    EXPECT_NEAR(dots[i], row_.dot(matrix_[chosen_[i]]).item<double>(), 4 * kRounding * scale);
    EXPECT_EQ(dots[i], Dot(Data(row_), Data(matrix_) + chosen_[i] * width_, width_));
  }
  const double distance = (row_ - matrix_[0]).square().sum().item<double>();
  EXPECT_NEAR(SquaredDistance(Data(row_), Data(matrix_), width_), distance, 4 * kRounding * distance);
}

TEST_P(Rows, ScaledErrorAddScaledAndNormalizeRow) {
  at::Tensor sum = matrix_[0].clone();
  const float squares = ScaledError(Data(row_), 0.5f, 3.0f, width_, Data(sum));
  const at::Tensor error = matrix_[0] - 0.5 * row_;
  EXPECT_NEAR(squares, error.square().sum().item<double>(), 4 * kRounding * squares);
  EXPECT_LE(RelativeDifference(sum, 3 * error), kRounding);

  at::Tensor added = row_.clone();
  AddScaled(Data(matrix_), -2.0f, width_, Data(added));
  EXPECT_LE(RelativeDifference(added, row_ - 2 * matrix_[0]), kRounding);

  NormalizeRow(width_, Data(added));
  EXPECT_NEAR(added.norm().item<double>(), 1, kRounding);
  at::Tensor zero = at::zeros({width_});
  NormalizeRow(width_, Data(zero));
  EXPECT_EQ(zero.abs().max().item<float>(), 0);
}

INSTANTIATE_TEST_SUITE_P(Widths, Rows, testing::Values(16, 32, 48, 96, 112, 144, 576));

TEST(ForEachPiece, CoversEverythingOnceOnThreadsThatThereAre) {
  const int before = at::get_num_threads();
  const absl::Cleanup restore = [before] { at::set_num_threads(before); };
  at::set_num_threads(3);
  std::vector<std::atomic<int>> seen(1001);
  std::atomic<bool> in_range{true};
  ForEachPiece(1001, 10, [&](int64_t begin, int64_t end, int thread) {
    if (thread < 0 || thread >= 3 || begin % 10 != 0 || end > 1001) in_range = false;
    for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
  });
  EXPECT_TRUE(in_range);
  for (const std::atomic<int>& times : seen) EXPECT_EQ(times, 1);
  ForEachPiece(0, 10, [&](int64_t, int64_t, int) { ADD_FAILURE() << "there is nothing to do"; });
}

TEST(Batch, MeansAndVarianceOfRowsFarFromTheOrigin) {
  const at::Tensor batch = MakeBatch(100, 20, 1) + 1000;
  const at::Tensor center = at::zeros({32});
  at::Tensor mean = at::empty({32}), partial = at::empty({4, 32}), centered = at::empty({100, 32});
  at::Tensor norms = at::empty({100}), spread = at::empty({32});
  std::vector<double> variances(4);
  const BatchView view{Data(batch), 100, 20};
  ColumnMeans(view, 32, Data(partial), Data(mean));
  const at::Tensor exact_mean = batch.to(at::kDouble).mean(0);
  EXPECT_LE(RelativeDifference(mean.narrow(0, 0, 20), exact_mean), 1e-7);
  EXPECT_EQ(mean.narrow(0, 20, 12).abs().max().item<float>(), 0);

  const double variance =
      CenterRows(view, Data(mean), Data(mean), 32, Data(centered), Data(norms), Data(spread), &variances);
  EXPECT_NEAR(variance, (batch.to(at::kDouble) - exact_mean).square().sum().item<double>(), 1e-4 * variance);
  EXPECT_LE(RelativeDifference(norms, centered.norm(2, {1})), kRounding);
  const double around_origin =
      CenterRows(view, Data(mean), Data(center), 32, Data(centered), Data(norms), Data(spread), &variances);
  EXPECT_NEAR(around_origin, variance, 1e-3 * variance);
  EXPECT_TRUE(at::equal(centered.narrow(1, 0, 20), batch));
}

TEST(Batch, EqualRowsHaveExactlyNoVariance) {
  const at::Tensor batch = (MakeBatch(1, 20, 1) / 3).expand({77, 20}).contiguous();
  at::Tensor mean = at::empty({32}), partial = at::empty({3, 32}), centered = at::empty({77, 32});
  at::Tensor norms = at::empty({77}), spread = at::empty({32});
  std::vector<double> variances(3);
  const BatchView view{Data(batch), 77, 20};
  ColumnMeans(view, 32, Data(partial), Data(mean));
  at::Tensor center = at::zeros({32});
  center.narrow(0, 0, 20).copy_(at::randn({20}));
  EXPECT_EQ(CenterRows(view, Data(mean), Data(center), 32, Data(centered), Data(norms), Data(spread), &variances), 0);
}

TEST(LatentOrder, SortsByLatentAndKeepsTheOrderOfRows) {
  RowEntries entries;
  entries.Resize(3, 2);
  EXPECT_THAT(entries.starts, ElementsAre(0, 2, 4, 6));
  entries.counts = {2, 1, 2};
  entries.latents = {1, 3, 3, 77, 0, 3};  // 77 stands beyond the count.
  entries.values = {10, 20, 30, 0, 40, 50};
  entries.gradients = {-1, -2, -3, 0, -4, -5};
  LatentEntries ordered;
  for (int twice = 0; twice < 2; ++twice) {
    OrderByLatent(entries, 5, &ordered);
    const auto first = [](const auto& values, int count) {
      return std::vector<typename std::decay_t<decltype(values)>::value_type>(values.begin(), values.begin() + count);
    };
    EXPECT_THAT(first(ordered.starts, 6), ElementsAre(0, 1, 2, 2, 5, 5));
    EXPECT_THAT(first(ordered.rows, 5), ElementsAre(2, 0, 0, 1, 2));
    EXPECT_THAT(first(ordered.values, 5), ElementsAre(40, 10, 20, 30, 50));
    EXPECT_THAT(first(ordered.gradients, 5), ElementsAre(-4, -1, -2, -3, -5));
  }
}

// An update of 40 latents of width 32 with entries from 25 rows.
class Update : public testing::Test {
 protected:
  static constexpr int64_t kLatents = 40;
  static constexpr int64_t kWidth = 32;
  static constexpr int64_t kRows = 25;

  struct State {
    at::Tensor encoder, encoder_moment1, encoder_moment2, decoder, decoder_moment1, decoder_moment2;
  };

  Update() : centered_(at::randn({kRows, kWidth})), gradient_(at::randn({kRows, kWidth})) {
    RowEntries entries;
    entries.Resize(kRows, 4);
    for (int64_t e = 0; e < kRows * 4; ++e) {
      entries.counts[static_cast<size_t>(e / 4)] = 4;
      entries.latents[static_cast<size_t>(e)] = static_cast<uint32_t>((e * e) % (kLatents - 1));  // The last has none.
      entries.values[static_cast<size_t>(e)] = 0.1f * static_cast<float>(e % 7 + 1);
      entries.gradients[static_cast<size_t>(e)] = 0.1f * static_cast<float>(e % 5) - 0.2f;
    }
    OrderByLatent(entries, kLatents, &entries_);
    const at::Tensor decoder = at::randn({kLatents, kWidth});
    start_ = {at::randn({kLatents, kWidth}),        at::randn({kLatents, kWidth}), at::randn({kLatents, kWidth}).abs(),
              decoder / decoder.norm(2, {1}, true), at::randn({kLatents, kWidth}), at::randn({kLatents, kWidth}).abs()};
  }

  State Clone() const {
    return {start_.encoder.clone(), start_.encoder_moment1.clone(), start_.encoder_moment2.clone(),
            start_.decoder.clone(), start_.decoder_moment1.clone(), start_.decoder_moment2.clone()};
  }

  static OptimizerUpdate Adam() {
    OptimizerUpdate update;
    update.adam = AdamUpdateAt(OptimizerOptions(), 3, 0.01);
    return update;
  }

  LatentMatrix EncoderMatrix(const State& state) const {
    LatentMatrix encoder;
    encoder.width = kWidth;
    encoder.parameter = {Data(state.encoder), Data(state.encoder_moment1), Data(state.encoder_moment2)};
    encoder.gradient.sparse = {{&entries_, &entries_.gradients, Data(centered_)}};
    return encoder;
  }

  LatentMatrix DecoderMatrix(const State& state, bool auxiliary) const {
    LatentMatrix decoder;
    decoder.width = kWidth;
    decoder.parameter = {Data(state.decoder), Data(state.decoder_moment1), Data(state.decoder_moment2)};
    decoder.gradient.sparse = {{&entries_, &entries_.values, Data(gradient_)}};
    if (auxiliary) decoder.gradient.sparse.push_back({&entries_, &entries_.values, Data(gradient_)});
    decoder.unit_rows = true;
    return decoder;
  }

  // On so many threads.
  State Run(int threads, bool auxiliary) const {
    const int before = at::get_num_threads();
    const absl::Cleanup restore = [before] { at::set_num_threads(before); };
    at::set_num_threads(threads);
    State state = Clone();
    const at::Tensor scratch = at::empty({threads, kWidth});
    UpdateLatents(Adam(), {0, kLatents}, {EncoderMatrix(state), DecoderMatrix(state, auxiliary)}, Data(scratch));
    return state;
  }

  // sum of weights[e] * matrix[row of e] for each latent.
  at::Tensor Gradient(const std::vector<float>& weights, const at::Tensor& matrix) const {
    at::Tensor gradient = at::zeros({kLatents, kWidth});
    for (int64_t i = 0; i < kLatents; ++i) {
      for (uint32_t e = entries_.starts[i]; e < entries_.starts[i + 1]; ++e) {
        gradient[i] += weights[e] * matrix[entries_.rows[e]];
      }
    }
    return gradient;
  }

  static at::Tensor AfterAdam(const at::Tensor& gradient, const at::Tensor& parameter, const at::Tensor& moment1,
                              const at::Tensor& moment2) {
    const AdamUpdate u = AdamUpdateAt(OptimizerOptions(), 3, 0.01);
    const at::Tensor m = u.beta1 * moment1 + u.one_minus_beta1 * gradient;
    const at::Tensor v = u.beta2 * moment2 + u.one_minus_beta2 * gradient.square();
    return parameter - u.step_size * m / (v.sqrt() + u.epsilon);
  }

  LatentEntries entries_;
  at::Tensor centered_;
  at::Tensor gradient_;
  State start_;
};

TEST_F(Update, IsAdamOnTheSummedGradientsWithUnitDecoderRows) {
  for (const bool auxiliary : {false, true}) {
    const State after = Run(1, auxiliary);
    const at::Tensor encoder = AfterAdam(Gradient(entries_.gradients, centered_), start_.encoder,
                                         start_.encoder_moment1, start_.encoder_moment2);
    EXPECT_LE(RelativeDifference(after.encoder, encoder), kRounding);

    at::Tensor gradient = Gradient(entries_.values, gradient_) * (auxiliary ? 2 : 1);
    gradient = gradient - (gradient * start_.decoder).sum(1, true) * start_.decoder;
    const at::Tensor decoder = AfterAdam(gradient, start_.decoder, start_.decoder_moment1, start_.decoder_moment2);
    EXPECT_LE(RelativeDifference(after.decoder, decoder / decoder.norm(2, {1}, true)), kRounding);
    // What Adam was given has nothing left along the rows.
    const at::Tensor given = (after.decoder_moment1 - 0.9f * start_.decoder_moment1) / 0.1f;
    EXPECT_LE((given * start_.decoder).sum(1).abs().max().item<double>(), 1e-5);
  }
}

TEST_F(Update, TakesAStoredGradientForTheSumsThatItIs) {
  const State summed = Run(1, true);
  State stored = Clone();
  LatentMatrix decoder = DecoderMatrix(stored, true);
  at::Tensor gradient = at::empty({kLatents, kWidth});
  std::vector<double> sums;
  const double squares = StoreGradient({0, kLatents}, decoder, Data(gradient), &sums);
  EXPECT_NEAR(squares, gradient.square().sum().item<double>(), 1e-5 * squares);
  EXPECT_LE((gradient * start_.decoder).sum(1).abs().max().item<double>(), 1e-5) << "nothing is left along the rows";
  decoder.gradient.sparse.clear();
  decoder.gradient.dense = Data(gradient);
  decoder.gradient.is_stored = true;
  const at::Tensor scratch = at::empty({LoopThreads(), kWidth});
  UpdateLatents(Adam(), {0, 10}, {decoder}, Data(scratch));
  EXPECT_TRUE(at::equal(stored.decoder.narrow(0, 10, 30), start_.decoder.narrow(0, 10, 30))) << "out of range";
  UpdateLatents(Adam(), {10, kLatents}, {decoder}, Data(scratch));
  EXPECT_LE(RelativeDifference(stored.decoder, summed.decoder), kRounding);
}

TEST_F(Update, ProjectsAlongRowsOfAnyNorm) {
  start_.decoder *= 3;
  State state = Clone();
  const LatentMatrix decoder = DecoderMatrix(state, false);
  at::Tensor gradient = at::empty({kLatents, kWidth});
  std::vector<double> sums;
  StoreGradient({0, kLatents}, decoder, Data(gradient), &sums);
  EXPECT_LE((gradient * start_.decoder).sum(1).abs().max().item<double>(), 3e-5);
}

TEST_F(Update, ScalesGradientsAndTellsNorms) {
  State halved = Clone();
  State scaled = Clone();
  LatentMatrix encoder = EncoderMatrix(scaled);
  std::vector<float> norms(kLatents);
  encoder.norms = norms.data();
  OptimizerUpdate update = Adam();
  update.gradient_scale = 0.5f;
  const at::Tensor scratch = at::empty({LoopThreads(), kWidth});
  UpdateLatents(update, {0, kLatents}, {encoder}, Data(scratch));

  at::Tensor gradient = 0.5f * Gradient(entries_.gradients, centered_);
  LatentMatrix dense = EncoderMatrix(halved);
  dense.gradient.sparse.clear();
  dense.gradient.dense = Data(gradient);
  UpdateLatents(Adam(), {0, kLatents}, {dense}, Data(scratch));
  EXPECT_LE(RelativeDifference(scaled.encoder, halved.encoder), kRounding);
  for (int64_t i = 0; i < kLatents; ++i) {
    EXPECT_NEAR(norms[static_cast<size_t>(i)], scaled.encoder[i].norm().item<double>(), 1e-5);
  }
}

TEST_F(Update, SignumMovesTheAverageAndWhatGradientsAreTakenAt) {
  State state = Clone();
  at::Tensor z = at::randn({kLatents, kWidth});
  at::Tensor y = state.encoder.clone();
  const at::Tensor gradient = Gradient(entries_.gradients, centered_);
  LatentMatrix encoder = EncoderMatrix(state);
  at::Tensor kernel_z = z.clone();
  encoder.parameter = {Data(state.encoder), Data(kernel_z), nullptr};
  OptimizerUpdate update;
  update.kind = OptimizerKind::kSignum;
  update.signum = {0.01f, 0.9f, 0.25f};
  const at::Tensor scratch = at::empty({LoopThreads(), kWidth});
  UpdateLatents(update, {0, kLatents}, {encoder}, Data(scratch));

  at::Tensor x = y + (1 - 1 / 0.9f) * (z - y);
  z = z - 0.01f * gradient.sign();
  x = x + 0.25f * (z - x);
  y = 0.9f * x + (1 - 0.9f) * z;
  EXPECT_LE(RelativeDifference(kernel_z, z), kRounding);
  EXPECT_LE(RelativeDifference(state.encoder, y), kRounding);
  EXPECT_TRUE(at::equal(kernel_z[kLatents - 1], z[kLatents - 1])) << "no gradient, no sign";
}

TEST_F(Update, DoesNotDependOnTheNumberOfThreads) {
  const State one = Run(1, true);
  for (const int threads : {2, 3}) {
    const State many = Run(threads, true);
    EXPECT_TRUE(at::equal(one.encoder, many.encoder));
    EXPECT_TRUE(at::equal(one.encoder_moment2, many.encoder_moment2));
    EXPECT_TRUE(at::equal(one.decoder, many.decoder));
    EXPECT_TRUE(at::equal(one.decoder_moment1, many.decoder_moment1));
  }
}

TEST_F(Update, MomentumThatHasFadedAwayIsZero) {
  start_.encoder_moment1.fill_(1e-41f);
  const State after = Run(1, false);
  EXPECT_EQ(after.encoder_moment1[kLatents - 1].abs().max().item<float>(), 0);
  EXPECT_TRUE(at::equal(after.encoder[kLatents - 1], start_.encoder[kLatents - 1]));
  EXPECT_GT(1e-41f * at::ones({}).item<float>(), 0) << "the caller's arithmetic is as it was";
}

TEST_F(Update, BiasGradientsAreSumsAndReachTheInput) {
  at::Tensor partial = at::empty({1, kWidth}), bias = at::empty({kLatents}), input = at::randn({kWidth});
  const at::Tensor before = input.clone();
  bias.zero_();
  AddBiasGradients(entries_, kLatents, Data(bias));
  SubtractThroughEncoder(Data(bias), Data(start_.encoder), kLatents, kWidth, Data(partial), Data(input));
  at::Tensor expected = at::zeros({kLatents});
  for (int64_t i = 0; i < kLatents; ++i) {
    for (uint32_t e = entries_.starts[i]; e < entries_.starts[i + 1]; ++e) expected[i] += entries_.gradients[e];
  }
  EXPECT_LE(RelativeDifference(bias, expected), kRounding);
  EXPECT_LE(RelativeDifference(input, before - at::mv(start_.encoder.t(), expected)), kRounding);
}

}  // namespace
}  // namespace seedbed
