// What holds for every autoencoder; numpy_test.cc compares values.
#include "sae/evaluation/reconstruction_metrics.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/evaluation/dictionary_autoencoder.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Two rows of width 3 of an autoencoder with 4 latents.
class ReconstructionMetricsTest : public ::testing::Test {
 protected:
  void ExpectRefused(absl::StatusCode code, const std::string& message) {
    const absl::Status status = metrics_.Add(x_, reconstruction_);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(status.message(), HasSubstr(message));
    EXPECT_THAT(metrics_.Result().status().message(), HasSubstr("no row"));  // Nothing of it was added.
  }

  at::Tensor x_ = at::tensor({1.0f, 2.0f, 3.0f, 0.0f, -1.0f, 5.0f}).view({2, 3});
  Reconstruction reconstruction_{ActivationsOf({{0, 3}, {1}}), x_.clone()};
  ReconstructionMetrics metrics_{3, 4};
};

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kAborted = absl::StatusCode::kAborted;

TEST_F(ReconstructionMetricsTest, NamesTheTensorThatIsNotFinite) {
  x_[1][2] = kNaN;
  ExpectRefused(kAborted, "the activations are not finite");
  x_[1][2] = 0;
  reconstruction_.rows[0][0] = kInfinity;
  ExpectRefused(kAborted, "the reconstructions are not finite");
  reconstruction_.rows[0][0] = 0;
  reconstruction_.activations.values[2] = kNaN;
  ExpectRefused(kAborted, "the latents' activations are not finite");
}

TEST_F(ReconstructionMetricsTest, NamesATensorOfTheWrongShapeOrType) {
  x_ = x_.to(at::kDouble);
  ExpectRefused(kInvalid, "the activations are Double [2, 3]; needed are Float [1 or more, 3]");
  x_ = at::zeros({0, 3});
  ExpectRefused(kInvalid, "the activations are Float [0, 3]");
  x_ = at::zeros({2, 3});
  reconstruction_.rows = at::zeros({2, 4});
  ExpectRefused(kInvalid, "the reconstructions are Float [2, 4]; needed are Float [2, 3]");
  reconstruction_.rows = at::Tensor();
  ExpectRefused(kInvalid, "the reconstructions are missing");
}

TEST_F(ReconstructionMetricsTest, NamesActivationsThatAreNone) {
  const SparseActivations good = reconstruction_.activations;
  const std::vector<std::vector<int64_t>> wrong_starts = {{1, 2, 3}, {0, 2, 4}, {0, 4, 3}, {0, -1, 3}, {0, 3}};
  for (const std::vector<int64_t>& starts : wrong_starts) {
    reconstruction_.activations.starts = starts;
    ExpectRefused(kInvalid, "must ascend from 0 to 3, the number of latents listed, over 2 rows");
  }
  reconstruction_.activations = good;
  reconstruction_.activations.latents[1] = 4;
  ExpectRefused(kInvalid, "latent 4 is listed; must be from 0 to 3");
  reconstruction_.activations = good;
  reconstruction_.activations.values.pop_back();
  ExpectRefused(kInvalid, "there are 2 activations of 3 latents");
  reconstruction_.activations = good;
  reconstruction_.activations.values[0] = 0;
  ExpectRefused(kInvalid, "latent 0 has the activation 0; one that is listed must be above 0");
}

TEST_F(ReconstructionMetricsTest, NeedsARowAndVariance) {
  EXPECT_EQ(metrics_.Result().status().code(), kInvalid);
  x_ = at::ones({2, 3});
  ASSERT_TRUE(metrics_.Add(x_, reconstruction_).ok());
  EXPECT_EQ(metrics_.Result().status().code(), kAborted);
  EXPECT_THAT(metrics_.Result().status().message(), HasSubstr("the 2 activations are all equal"));
}

TEST_F(ReconstructionMetricsTest, ARefusedBatchLeavesTheOthers) {
  ASSERT_TRUE(metrics_.Add(x_, reconstruction_).ok());
  const ReconstructionSummary before = metrics_.Result().value();
  Reconstruction broken = reconstruction_;
  broken.rows = at::ones({2, 3}) * kNaN;
  EXPECT_FALSE(metrics_.Add(x_, broken).ok());
  const ReconstructionSummary after = metrics_.Result().value();
  EXPECT_EQ(after.rows, before.rows);
  EXPECT_EQ(after.mse, before.mse);
  EXPECT_EQ(after.firing_frequency, before.firing_frequency);
}

TEST_F(ReconstructionMetricsTest, APerfectReconstructionExplainsEverything) {
  ASSERT_TRUE(metrics_.Add(x_, reconstruction_).ok());
  const ReconstructionSummary found = metrics_.Result().value();
  EXPECT_EQ(found.fvu, 0);
  EXPECT_EQ(found.explained_variance, 1);
  EXPECT_EQ(found.mse, 0);
  EXPECT_DOUBLE_EQ(found.cosine, 1);
  EXPECT_DOUBLE_EQ(found.norm_ratio, 1);
}

TEST_F(ReconstructionMetricsTest, TheMeanExplainsNothing) {
  const at::Tensor x = at::randn({1000, 3}) + 1e4;
  reconstruction_.rows = x.mean(0, true, at::kDouble).to(at::kFloat).expand_as(x).contiguous();
  reconstruction_.activations = ActivationsOf(std::vector<std::vector<int64_t>>(1000));
  ASSERT_TRUE(metrics_.Add(x, reconstruction_).ok());
  const ReconstructionSummary found = metrics_.Result().value();
  EXPECT_NEAR(found.fvu, 1, 1e-6);  // The mean is rounded to float32.
  EXPECT_EQ(found.l0, 0);
  EXPECT_THAT(found.l0_histogram, ElementsAre(1000));
  EXPECT_EQ(found.dead_latents, 4);
}

TEST_F(ReconstructionMetricsTest, ShrinkageShowsInTheNormRatioAndNotInTheCosine) {
  reconstruction_.rows = 0.75 * x_;
  ASSERT_TRUE(metrics_.Add(x_, reconstruction_).ok());
  EXPECT_DOUBLE_EQ(metrics_.Result()->cosine, 1);
  EXPECT_DOUBLE_EQ(metrics_.Result()->norm_ratio, 0.75);
}

// 10 rows: latent 0 fires in all, latent 1 in two, latent 2 in one, latent 3 in none.
TEST_F(ReconstructionMetricsTest, DenseIsMoreThanATenth) {
  std::vector<std::vector<int64_t>> latents(10, {0});
  latents[2] = {0, 1, 2};
  latents[3] = {0, 1};
  const at::Tensor x = at::randn({10, 3});
  ASSERT_TRUE(metrics_.Add(x, {ActivationsOf(latents), x}).ok());
  const ReconstructionSummary found = metrics_.Result().value();
  EXPECT_EQ(found.dense_latents, 2);
  EXPECT_EQ(found.dead_latents, 1);
  EXPECT_THAT(found.l0_histogram, ElementsAre(0, 8, 1, 1));
  EXPECT_DOUBLE_EQ(found.l0, 1.3);
}

TEST_F(ReconstructionMetricsTest, ARowMayHaveEveryLatent) {
  std::vector<int64_t> all(4);
  std::iota(all.begin(), all.end(), 0);
  ASSERT_TRUE(metrics_.Add(x_, {ActivationsOf({all, all}), x_}).ok());
  EXPECT_THAT(metrics_.Result()->l0_histogram, ElementsAre(0, 0, 0, 0, 2));
}

// The scales by which a stream multiplies rows change no figure, but the MSE would without the way back.
TEST(ReconstructScaledTest, GivesRowsInTheModelsUnits) {
  const at::Tensor x = at::randn({50, 8});
  Dictionary dictionary = RandomDictionary(32, 8, 4);
  DictionaryAutoencoder plain(WithoutScale(dictionary, 2.5f, 2.5f));
  DictionaryAutoencoder scaled(dictionary);
  const Reconstruction expected = ReconstructScaled(plain, x, {}).value();
  const Reconstruction found = ReconstructScaled(scaled, x, {2.5f, 2.5f}).value();
  EXPECT_LT(((found.rows - expected.rows).norm() / expected.rows.norm()).item<double>(), 1e-5);
  EXPECT_EQ(found.activations.latents, expected.activations.latents);
}

TEST(ReconstructScaledTest, NamesInputsThatAreNotFinite) {
  DictionaryAutoencoder autoencoder(RandomDictionary(32, 8, 4));
  const auto found = ReconstructScaled(autoencoder, 1e30 * at::ones({2, 8}), {1e30f, 1});
  EXPECT_EQ(found.status().code(), kAborted);
  EXPECT_THAT(found.status().message(), HasSubstr("the autoencoder's inputs are not finite"));
}

}  // namespace
}  // namespace seedbed
