// What holds for every autoencoder and language model; transformers_test.cc compares values.
#include "sae/evaluation/spliced_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/evaluation/dictionary_autoencoder.h"
#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kAborted = absl::StatusCode::kAborted;

// Counts the passes over a model.
class CountedModel final : public LanguageModel {
 public:
  explicit CountedModel(std::unique_ptr<LanguageModel> model) : model_(std::move(model)) {}

  int64_t d_model() const override { return model_->d_model(); }
  int64_t layers() const override { return model_->layers(); }
  int64_t vocabulary_size() const override { return model_->vocabulary_size(); }
  int64_t context_length() const override { return model_->context_length(); }
  at::ScalarType dtype() const override { return model_->dtype(); }
  const std::vector<Hookpoint>& hookpoints() const override { return model_->hookpoints(); }
  std::vector<at::Tensor> Forward(const at::Tensor& tokens) override {
    ++passes;
    return model_->Forward(tokens);
  }
  at::Tensor Logits(const at::Tensor& tokens) override { return model_->Logits(tokens); }
  at::Tensor CrossEntropy(const at::Tensor& tokens) override { return model_->CrossEntropy(tokens); }
  at::Tensor CrossEntropyWith(const at::Tensor& tokens, const Hookpoint& hookpoint, ReplaceRows replace) override {
    ++passes;
    at::Tensor losses = model_->CrossEntropyWith(tokens, hookpoint, replace);
    if (passes == breaks_at) losses.fill_(std::numeric_limits<float>::quiet_NaN());
    return losses;
  }

  int passes = 0;
  int breaks_at = 0;  // Whose losses are NaN.

 private:
  std::unique_ptr<LanguageModel> model_;
};

// Gives back what `make` makes of the rows; latent 0 fires everywhere.
class FunctionAutoencoder final : public Autoencoder {
 public:
  using Make = absl::StatusOr<at::Tensor> (*)(const at::Tensor& rows);
  explicit FunctionAutoencoder(Make make, int64_t width = 16) : make_(make), width_(width) {}

  int64_t d_in() const override { return width_; }
  int64_t d_out() const override { return width_; }
  int64_t latents() const override { return 2; }
  absl::StatusOr<Reconstruction> Reconstruct(const at::Tensor& rows) override {
    const absl::StatusOr<at::Tensor> made = make_(rows);
    if (!made.ok()) return made.status();
    return Reconstruction{CodeOf(std::vector<std::vector<int64_t>>(static_cast<size_t>(rows.size(0)), {0})), *made};
  }

 private:
  Make make_;
  int64_t width_;
};

absl::StatusOr<at::Tensor> Same(const at::Tensor& rows) { return rows.clone(); }
absl::StatusOr<at::Tensor> Zeros(const at::Tensor& rows) { return at::zeros(rows.sizes()); }

MicroBatch WithEveryRow(const at::Tensor& tokens) { return {tokens, at::arange(tokens.numel(), at::kLong)}; }

class SplicedLossTest : public ::testing::Test {
 protected:
  absl::StatusOr<SplicedLoss> Measure(const SpliceSite& site) { return SplicedLoss::Measure(&model_, site, &tokens_); }
  absl::StatusOr<SplicedLoss> Measure() { return Measure({kHere, kHere}); }

  void ExpectRefused(const absl::Status& status, absl::StatusCode code, const std::vector<std::string>& parts) {
    EXPECT_EQ(status.code(), code) << status;
    for (const std::string& part : parts) EXPECT_THAT(status.message(), HasSubstr(part));
  }

  static constexpr Hookpoint kHere = {1, HookSite::kResidual};
  static constexpr Hookpoint kBefore = {0, HookSite::kMlpInput};
  static constexpr int64_t kWidth = 16;

  CountedModel model_{
      LoadLanguageModel({TinyModelFolder("llama"), {kHere, kBefore}, "cpu", at::kFloat, /*with_head=*/true}).value()};
  std::vector<MicroBatch> tokens_ = {WithEveryRow(at::randint(32, {3, 20}, at::kLong)),
                                     WithEveryRow(at::randint(32, {2, 20}, at::kLong))};
};

TEST_F(SplicedLossTest, PassesOverTheModelAreNotPaidTwice) {
  const int micro_batches = static_cast<int>(tokens_.size());
  const SplicedLoss spliced = Measure().value();
  EXPECT_EQ(model_.passes, 3 * micro_batches);
  DictionaryAutoencoder autoencoder(RandomDictionary(64, kWidth, 8));
  for (int sibling = 1; sibling <= 3; ++sibling) {
    ASSERT_TRUE(spliced.Evaluate(autoencoder, {}).ok());
    EXPECT_EQ(model_.passes, (3 + sibling) * micro_batches);
  }
}

TEST_F(SplicedLossTest, ATranscodersInputTakesOnePassMore) {
  const int micro_batches = static_cast<int>(tokens_.size());
  const SplicedLoss spliced = Measure({kBefore, kHere}).value();
  EXPECT_EQ(model_.passes, 3 * micro_batches);
  DictionaryAutoencoder transcoder(RandomDictionary(64, kWidth, 8), /*is_transcoder=*/true);
  ASSERT_TRUE(spliced.Evaluate(transcoder, {}).ok());
  EXPECT_EQ(model_.passes, 5 * micro_batches);
}

TEST_F(SplicedLossTest, APerfectReconstructionLosesNothing) {
  const SplicedLoss spliced = Measure().value();
  FunctionAutoencoder perfect(Same);
  const SplicedEvaluation found = spliced.Evaluate(perfect, {}).value();
  EXPECT_EQ(found.loss, spliced.baselines().clean);
  EXPECT_EQ(found.reconstruction.fvu, 0);
}

TEST_F(SplicedLossTest, AReconstructionOfZerosIsZeroAblation) {
  const SplicedLoss spliced = Measure().value();
  FunctionAutoencoder zeros(Zeros);
  const SplicedEvaluation found = spliced.Evaluate(zeros, {}).value();
  EXPECT_EQ(found.loss, spliced.baselines().zero_ablated);
  EXPECT_EQ(found.reconstruction.norm_ratio, 0);
}

TEST_F(SplicedLossTest, CleanIsTheMeanCrossEntropy) {
  double sum = 0;
  for (const MicroBatch& micro_batch : tokens_) {
    sum += model_.CrossEntropy(micro_batch.tokens).sum(at::kDouble).item<double>();
  }
  const BaselineLosses baselines = Measure()->baselines();
  EXPECT_EQ(baselines.tokens, 5 * 19);
  EXPECT_DOUBLE_EQ(baselines.clean, sum / (5 * 19));
}

// Row 19 is the last of its sequence; rows 3 and 25 are the only ones that count.
TEST_F(SplicedLossTest, ExcludedRowsAreNeitherReplacedNorCounted) {
  tokens_.resize(1);
  tokens_[0].kept_rows = at::tensor({int64_t{3}, int64_t{19}, int64_t{25}});
  const SplicedLoss spliced = Measure().value();
  EXPECT_EQ(spliced.baselines().tokens, 2);
  const at::Tensor clean = model_.CrossEntropy(tokens_[0].tokens);
  EXPECT_DOUBLE_EQ(spliced.baselines().clean, (clean[0][3].item<double>() + clean[1][5].item<double>()) / 2);

  const at::Tensor ablated = model_.CrossEntropyWith(
      tokens_[0].tokens, kHere, [&](int64_t, const at::Tensor& rows) { rows.index_fill_(0, tokens_[0].kept_rows, 0); });
  EXPECT_DOUBLE_EQ(spliced.baselines().zero_ablated, (ablated[0][3].item<double>() + ablated[1][5].item<double>()) / 2);

  DictionaryAutoencoder autoencoder(RandomDictionary(64, kWidth, 8));
  EXPECT_EQ(spliced.Evaluate(autoencoder, {})->reconstruction.rows, 3);
  EXPECT_EQ(autoencoder.rows_seen(), 3);
}

TEST_F(SplicedLossTest, AMicroBatchMayKeepNothing) {
  tokens_[1].kept_rows = at::empty({0}, at::kLong);
  const SplicedLoss both = Measure().value();
  tokens_.pop_back();
  const SplicedLoss first = Measure().value();
  EXPECT_EQ(both.baselines().clean, first.baselines().clean);
  EXPECT_EQ(both.baselines().mean_ablated, first.baselines().mean_ablated);
}

// 21 sequences of 50 in one micro-batch: several blocks of the decoder.
TEST_F(SplicedLossTest, HowSequencesAreSplitChangesNothingButRounding) {
  const at::Tensor all = at::randint(32, {21, 50}, at::kLong);
  DictionaryAutoencoder autoencoder(RandomDictionary(64, kWidth, 8));
  tokens_ = {WithEveryRow(all)};
  const SplicedLoss together = Measure().value();
  const SplicedEvaluation found = together.Evaluate(autoencoder, {}).value();
  tokens_.clear();
  for (int64_t i = 0; i < 21; ++i) tokens_.push_back(WithEveryRow(all.narrow(0, i, 1)));
  const SplicedLoss apart = Measure().value();
  const SplicedEvaluation expected = apart.Evaluate(autoencoder, {}).value();
  EXPECT_NEAR(together.baselines().mean_ablated, apart.baselines().mean_ablated, 1e-5);
  EXPECT_NEAR(found.loss, expected.loss, 1e-5);
  EXPECT_NEAR(found.reconstruction.fvu, expected.reconstruction.fvu, 1e-5);
  EXPECT_EQ(found.reconstruction.rows, expected.reconstruction.rows);
}

// As on a GPU, where all rows of a micro-batch come at once.
TEST_F(SplicedLossTest, AnAutoencoderGetsABoundedNumberOfRows) {
  struct OneBlock final : public LanguageModel {
    int64_t d_model() const override { return kWidth; }
    int64_t layers() const override { return 2; }
    int64_t vocabulary_size() const override { return 32; }
    int64_t context_length() const override { return 0; }
    at::ScalarType dtype() const override { return at::kFloat; }
    const std::vector<Hookpoint>& hookpoints() const override { return here; }
    std::vector<at::Tensor> Forward(const at::Tensor& /*tokens*/) override { return {}; }
    at::Tensor Logits(const at::Tensor& /*tokens*/) override { return {}; }
    at::Tensor CrossEntropy(const at::Tensor& /*tokens*/) override { return {}; }
    at::Tensor CrossEntropyWith(const at::Tensor& tokens, const Hookpoint& /*hookpoint*/,
                                ReplaceRows replace) override {
      const at::Tensor rows = at::arange(tokens.numel() * kWidth, at::kFloat).view({tokens.numel(), kWidth});
      replace(0, rows);
      return rows.sum(1).view(tokens.sizes()).narrow(1, 0, tokens.size(1) - 1);
    }
    std::vector<Hookpoint> here = {kHere};
  };
  OneBlock one_block;
  tokens_ = {WithEveryRow(at::zeros({1, 2 * SplicedLoss::kRowsTogether + 5}, at::kLong))};
  DictionaryAutoencoder autoencoder(RandomDictionary(64, kWidth, 8));
  const SplicedLoss spliced = SplicedLoss::Measure(&one_block, {kHere, kHere}, &tokens_).value();
  ASSERT_TRUE(spliced.Evaluate(autoencoder, {}).ok());
  EXPECT_EQ(autoencoder.most_rows_at_once(), SplicedLoss::kRowsTogether);
  EXPECT_EQ(autoencoder.rows_seen(), 2 * SplicedLoss::kRowsTogether + 5);
}

TEST_F(SplicedLossTest, AScaleIsThatOfTheRows) {
  const SplicedLoss spliced = Measure().value();
  const Dictionary dictionary = RandomDictionary(64, kWidth, 8);
  DictionaryAutoencoder scaled(dictionary);
  DictionaryAutoencoder folded(WithoutScale(dictionary, 0.5f, 0.5f));
  const SplicedEvaluation found = spliced.Evaluate(scaled, {0.5f, 0.5f}).value();
  const SplicedEvaluation expected = spliced.Evaluate(folded, {}).value();
  EXPECT_NEAR(found.loss, expected.loss, 1e-5);
  EXPECT_NEAR(found.reconstruction.mse, expected.reconstruction.mse, 1e-6 * expected.reconstruction.mse);
}

TEST_F(SplicedLossTest, RefusesASiteThatTheModelCannotServe) {
  ExpectRefused(Measure({{2, HookSite::kMlp}, {2, HookSite::kMlp}}).status(), kInvalid,
                {"\"layers.2.mlp\" is not one that the model was loaded with"});
  ExpectRefused(Measure({kHere, kBefore}).status(), kInvalid, {"\"layers.0.mlp_in\"", "\"layers.1\"", "after"});
}

TEST_F(SplicedLossTest, RefusesTokensOfWhichNoneCounts) {
  tokens_ = {{at::zeros({1, 4}, at::kLong), at::tensor({int64_t{3}})}};
  ExpectRefused(Measure().status(), kInvalid, {"no held-out position"});
  tokens_.clear();
  ExpectRefused(Measure().status(), kInvalid, {"no held-out position"});
}

TEST_F(SplicedLossTest, RefusesAnAutoencoderOfAnotherWidth) {
  FunctionAutoencoder wide(Same, kWidth + 1);
  ExpectRefused(Measure()->Evaluate(wide, {}).status(), kInvalid, {"layers.1", "reads 17 columns", "the model's 16"});
}

TEST_F(SplicedLossTest, NamesHookpointAndTensorThatIsNotFinite) {
  FunctionAutoencoder broken([](const at::Tensor& rows) -> absl::StatusOr<at::Tensor> {
    at::Tensor made = rows.clone();
    made[0][0] = std::numeric_limits<float>::infinity();
    return made;
  });
  ExpectRefused(Measure()->Evaluate(broken, {}).status(), kAborted, {"layers.1: the reconstructions are not finite"});
}

TEST_F(SplicedLossTest, NamesTheLossThatIsNotFinite) {
  const std::vector<std::string> names = {"clean", "zero-ablated", "mean-ablated"};
  const int micro_batches = static_cast<int>(tokens_.size());
  for (size_t i = 0; i < names.size(); ++i) {
    model_.passes = 0;
    model_.breaks_at = 1 + static_cast<int>(i) * micro_batches;
    ExpectRefused(Measure().status(), kAborted, {"layers.1: the " + names[i] + " cross-entropy is not finite"});
  }
  model_.passes = 0;
  model_.breaks_at = 1 + 3 * micro_batches;
  FunctionAutoencoder same(Same);
  ExpectRefused(Measure()->Evaluate(same, {}).status(), kAborted,
                {"layers.1: the spliced cross-entropy is not finite"});
}

TEST_F(SplicedLossTest, AnAutoencodersOwnErrorPasses) {
  FunctionAutoencoder failing(
      [](const at::Tensor&) -> absl::StatusOr<at::Tensor> { return absl::ResourceExhaustedError("too large"); });
  ExpectRefused(Measure()->Evaluate(failing, {}).status(), absl::StatusCode::kResourceExhausted,
                {"layers.1: too large"});
}

}  // namespace
}  // namespace seedbed
