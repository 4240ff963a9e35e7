// What holds for every autoencoder and language model; transformers_test.cc compares values.
#include "sae/evaluation/spliced_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
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

// How often a model was run up to a hookpoint and from there to its end.
struct Passes {
  int up_to_hookpoint = 0;
  int to_the_end = 0;
  int breaks_at = 0;  // Of to_the_end: the one whose losses are NaN.
};

class CountedForward final : public PausedForward {
 public:
  CountedForward(std::unique_ptr<PausedForward> paused, Passes* passes) : paused_(std::move(paused)), passes_(*passes) {
    ++passes_.up_to_hookpoint;
  }

  const std::vector<at::Tensor>& activations() const override { return paused_->activations(); }
  at::Tensor CrossEntropyWith(const at::Tensor& replaced) override {
    at::Tensor losses = paused_->CrossEntropyWith(replaced);
    if (++passes_.to_the_end == passes_.breaks_at) losses.fill_(std::numeric_limits<float>::quiet_NaN());
    return losses;
  }

 private:
  std::unique_ptr<PausedForward> paused_;
  Passes& passes_;
};

class CountedModel final : public LanguageModel {
 public:
  explicit CountedModel(std::unique_ptr<LanguageModel> model) : model_(std::move(model)) {}

  int64_t d_model() const override { return model_->d_model(); }
  int64_t layers() const override { return model_->layers(); }
  int64_t vocabulary_size() const override { return model_->vocabulary_size(); }
  int64_t context_length() const override { return model_->context_length(); }
  at::ScalarType dtype() const override { return model_->dtype(); }
  const std::vector<Hookpoint>& hookpoints() const override { return model_->hookpoints(); }
  std::vector<at::Tensor> Forward(const at::Tensor& tokens) override { return model_->Forward(tokens); }
  at::Tensor Logits(const at::Tensor& tokens) override { return model_->Logits(tokens); }
  at::Tensor CrossEntropy(const at::Tensor& tokens) override { return model_->CrossEntropy(tokens); }
  std::unique_ptr<PausedForward> PauseAt(const at::Tensor& tokens, const std::vector<Hookpoint>& hookpoints) override {
    return std::make_unique<CountedForward>(model_->PauseAt(tokens, hookpoints), &passes);
  }

  Passes passes;

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
    return Reconstruction{ActivationsOf(std::vector<std::vector<int64_t>>(static_cast<size_t>(rows.size(0)), {0})),
                          *made};
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
  absl::StatusOr<SplicedLoss> Create(const SpliceSite& site) { return SplicedLoss::Create(&model_, site, &tokens_); }
  SplicedLoss Create() { return Create({kHere, kHere}).value(); }

  static absl::StatusOr<SplicedEvaluation> Evaluate(SplicedLoss& spliced, Autoencoder& autoencoder,
                                                    const RowScales& scales = {}) {
    auto evaluations = spliced.Evaluate({&autoencoder}, scales);
    if (!evaluations.ok()) return evaluations.status();
    return std::move(evaluations->front());
  }
  absl::StatusOr<SplicedEvaluation> Evaluate(Autoencoder& autoencoder, const RowScales& scales = {}) {
    SplicedLoss spliced = Create();
    return Evaluate(spliced, autoencoder, scales);
  }
  BaselineLosses Baselines() {
    FunctionAutoencoder same(Same);
    return Evaluate(same)->baselines;
  }

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

TEST_F(SplicedLossTest, KeepsTheFirstRowsThatItsAutoencodersRead) {
  constexpr int64_t kRows = 70;  // More than the first micro-batch has, fewer than both.
  SplicedLoss spliced = SplicedLoss::Create(&model_, {kBefore, kHere}, &tokens_, kRows).value();
  EXPECT_FALSE(spliced.first_rows().defined());
  FunctionAutoencoder zeros(Zeros);
  ASSERT_TRUE(spliced.Evaluate({&zeros}, {}).ok());
  std::vector<at::Tensor> read;
  for (const MicroBatch& micro_batch : tokens_) {
    read.push_back(model_.Forward(micro_batch.tokens)[1].reshape({-1, kWidth}));
  }
  EXPECT_TRUE(spliced.first_rows().equal(at::cat(read).narrow(0, 0, kRows)));

  SplicedLoss of_all = SplicedLoss::Create(&model_, {kBefore, kHere}, &tokens_, 1000).value();
  ASSERT_TRUE(of_all.Evaluate({&zeros}, {}).ok());
  EXPECT_TRUE(of_all.first_rows().equal(at::cat(read)));
  SplicedLoss of_none = Create();
  ASSERT_TRUE(of_none.Evaluate({&zeros}, {}).ok());
  EXPECT_FALSE(of_none.first_rows().defined());
}

TEST_F(SplicedLossTest, SiblingsShareThePassesUpToTheirHookpoint) {
  const int micro_batches = static_cast<int>(tokens_.size());
  SplicedLoss spliced = Create();
  DictionaryAutoencoder first(RandomDictionary(64, kWidth, 8));
  DictionaryAutoencoder second(RandomDictionary(32, kWidth, 4));
  DictionaryAutoencoder third(RandomDictionary(32, kWidth, 2));
  ASSERT_TRUE(spliced.Evaluate({&first, &second, &third}, {}).ok());
  EXPECT_EQ(model_.passes.up_to_hookpoint, 2 * micro_batches);
  EXPECT_EQ(model_.passes.to_the_end, (3 + 3) * micro_batches);
  // The baselines are kept.
  ASSERT_TRUE(spliced.Evaluate({&first, &second, &third}, {}).ok());
  EXPECT_EQ(model_.passes.up_to_hookpoint, 3 * micro_batches);
  EXPECT_EQ(model_.passes.to_the_end, (3 + 3 + 3) * micro_batches);
}

TEST_F(SplicedLossTest, ATranscodersInputIsReadOnTheWay) {
  const int micro_batches = static_cast<int>(tokens_.size());
  SplicedLoss spliced = Create({kBefore, kHere}).value();
  DictionaryAutoencoder transcoder(RandomDictionary(64, kWidth, 8), /*is_transcoder=*/true);
  ASSERT_TRUE(Evaluate(spliced, transcoder).ok());
  EXPECT_EQ(model_.passes.up_to_hookpoint, 2 * micro_batches);
  EXPECT_EQ(model_.passes.to_the_end, (3 + 1) * micro_batches);
}

TEST_F(SplicedLossTest, CompanyChangesNothing) {
  DictionaryAutoencoder first(RandomDictionary(64, kWidth, 8));
  DictionaryAutoencoder second(RandomDictionary(32, kWidth, 4));
  SplicedLoss spliced = Create();
  const auto together = spliced.Evaluate({&first, &second}, {}).value();
  const SplicedEvaluation alone = Evaluate(second).value();
  EXPECT_EQ(together[1]->loss, alone.loss);
  EXPECT_EQ(together[1]->baselines.mean_ablated, alone.baselines.mean_ablated);
  EXPECT_EQ(together[1]->reconstruction.fvu, alone.reconstruction.fvu);
  EXPECT_EQ(together[1]->reconstruction.firing_frequency, alone.reconstruction.firing_frequency);
}

TEST_F(SplicedLossTest, AnAutoencoderThatFailsLeavesTheOthers) {
  FunctionAutoencoder failing(
      [](const at::Tensor&) -> absl::StatusOr<at::Tensor> { return absl::AbortedError("overflow"); });
  DictionaryAutoencoder good(RandomDictionary(64, kWidth, 8));
  SplicedLoss spliced = Create();
  const auto together = spliced.Evaluate({&failing, &good}, {}).value();
  ExpectRefused(together[0].status(), kAborted, {"layers.1: overflow"});
  EXPECT_EQ(together[1]->loss, Evaluate(good)->loss);
}

TEST_F(SplicedLossTest, APerfectReconstructionLosesNothing) {
  FunctionAutoencoder perfect(Same);
  const SplicedEvaluation found = Evaluate(perfect).value();
  EXPECT_EQ(found.loss, found.baselines.clean);
  EXPECT_EQ(found.reconstruction.fvu, 0);
}

TEST_F(SplicedLossTest, AReconstructionOfZerosIsZeroAblation) {
  FunctionAutoencoder zeros(Zeros);
  const SplicedEvaluation found = Evaluate(zeros).value();
  EXPECT_EQ(found.loss, found.baselines.zero_ablated);
  EXPECT_EQ(found.reconstruction.norm_ratio, 0);
}

TEST_F(SplicedLossTest, CleanIsTheMeanCrossEntropy) {
  double sum = 0;
  for (const MicroBatch& micro_batch : tokens_) {
    sum += model_.CrossEntropy(micro_batch.tokens).sum(at::kDouble).item<double>();
  }
  const BaselineLosses baselines = Baselines();
  EXPECT_EQ(baselines.tokens, 5 * 19);
  EXPECT_DOUBLE_EQ(baselines.clean, sum / (5 * 19));
}

// Row 19 is the last of its sequence; rows 3 and 25 are the only ones that count.
TEST_F(SplicedLossTest, ExcludedRowsAreNeitherReplacedNorCounted) {
  tokens_.resize(1);
  tokens_[0].kept_rows = at::tensor({int64_t{3}, int64_t{19}, int64_t{25}});
  DictionaryAutoencoder autoencoder(RandomDictionary(64, kWidth, 8));
  const SplicedEvaluation found = Evaluate(autoencoder).value();
  EXPECT_EQ(found.baselines.tokens, 2);
  const at::Tensor clean = model_.CrossEntropy(tokens_[0].tokens);
  EXPECT_DOUBLE_EQ(found.baselines.clean, (clean[0][3].item<double>() + clean[1][5].item<double>()) / 2);

  const auto paused = model_.PauseAt(tokens_[0].tokens, {kHere});
  const at::Tensor ablated =
      paused->CrossEntropyWith(paused->activations().front().index_fill(0, tokens_[0].kept_rows, 0));
  EXPECT_DOUBLE_EQ(found.baselines.zero_ablated, (ablated[0][3].item<double>() + ablated[1][5].item<double>()) / 2);

  EXPECT_EQ(found.reconstruction.rows, 3);
  EXPECT_EQ(autoencoder.rows_seen(), 3);
}

TEST_F(SplicedLossTest, AMicroBatchMayKeepNothing) {
  tokens_[1].kept_rows = at::empty({0}, at::kLong);
  const BaselineLosses both = Baselines();
  tokens_.pop_back();
  const BaselineLosses first = Baselines();
  EXPECT_EQ(both.clean, first.clean);
  EXPECT_EQ(both.mean_ablated, first.mean_ablated);
}

// 21 sequences of 50 in one micro-batch: several blocks of the decoder.
TEST_F(SplicedLossTest, HowSequencesAreSplitChangesNothingButRounding) {
  const at::Tensor all = at::randint(32, {21, 50}, at::kLong);
  DictionaryAutoencoder autoencoder(RandomDictionary(64, kWidth, 8));
  tokens_ = {WithEveryRow(all)};
  const SplicedEvaluation found = Evaluate(autoencoder).value();
  tokens_.clear();
  for (int64_t i = 0; i < 21; ++i) tokens_.push_back(WithEveryRow(all.narrow(0, i, 1)));
  const SplicedEvaluation expected = Evaluate(autoencoder).value();
  EXPECT_NEAR(found.baselines.mean_ablated, expected.baselines.mean_ablated, 1e-5);
  EXPECT_NEAR(found.loss, expected.loss, 1e-5);
  EXPECT_NEAR(found.reconstruction.fvu, expected.reconstruction.fvu, 1e-5);
  EXPECT_EQ(found.reconstruction.rows, expected.reconstruction.rows);
}

TEST_F(SplicedLossTest, AnAutoencoderGetsABoundedNumberOfRows) {
  constexpr int64_t kSequences = 2 * SplicedLoss::kRowsTogether / 20 + 1;
  tokens_ = {WithEveryRow(at::randint(32, {kSequences, 20}, at::kLong))};
  DictionaryAutoencoder autoencoder(RandomDictionary(64, kWidth, 8));
  ASSERT_TRUE(Evaluate(autoencoder).ok());
  EXPECT_EQ(autoencoder.most_rows_at_once(), SplicedLoss::kRowsTogether);
  EXPECT_EQ(autoencoder.rows_seen(), kSequences * 20);
}

TEST_F(SplicedLossTest, AScaleIsThatOfTheRows) {
  const Dictionary dictionary = RandomDictionary(64, kWidth, 8);
  DictionaryAutoencoder scaled(dictionary);
  DictionaryAutoencoder folded(WithoutScale(dictionary, 0.5f, 0.5f));
  const SplicedEvaluation found = Evaluate(scaled, {0.5f, 0.5f}).value();
  const SplicedEvaluation expected = Evaluate(folded).value();
  EXPECT_NEAR(found.loss, expected.loss, 1e-5);
  EXPECT_NEAR(found.reconstruction.mse, expected.reconstruction.mse, 1e-6 * expected.reconstruction.mse);
}

TEST_F(SplicedLossTest, RefusesASiteThatTheModelCannotServe) {
  ExpectRefused(Create({{2, HookSite::kMlp}, {2, HookSite::kMlp}}).status(), kInvalid,
                {"\"layers.2.mlp\" is not one that the model was loaded with"});
  ExpectRefused(Create({kHere, kBefore}).status(), kInvalid, {"\"layers.0.mlp_in\"", "\"layers.1\"", "after"});
}

TEST_F(SplicedLossTest, RefusesTokensOfWhichNoneCounts) {
  tokens_ = {{at::zeros({1, 4}, at::kLong), at::tensor({int64_t{3}})}};
  ExpectRefused(Create({kHere, kHere}).status(), kInvalid, {"no held-out position"});
  tokens_.clear();
  ExpectRefused(Create({kHere, kHere}).status(), kInvalid, {"no held-out position"});
}

TEST_F(SplicedLossTest, RefusesAnAutoencoderOfAnotherWidth) {
  FunctionAutoencoder wide(Same, kWidth + 1);
  ExpectRefused(Evaluate(wide).status(), kInvalid, {"layers.1", "reads 17 columns", "the model's 16"});
}

TEST_F(SplicedLossTest, NamesHookpointAndTensorThatIsNotFinite) {
  FunctionAutoencoder broken([](const at::Tensor& rows) -> absl::StatusOr<at::Tensor> {
    at::Tensor made = rows.clone();
    made[0][0] = std::numeric_limits<float>::infinity();
    return made;
  });
  ExpectRefused(Evaluate(broken).status(), kAborted, {"layers.1: the reconstructions are not finite"});
}

// Each micro-batch is taken to its end with the reconstructions, clean and zero-ablated; then all are mean-ablated.
TEST_F(SplicedLossTest, NamesTheLossThatIsNotFinite) {
  const std::vector<std::string> names = {"spliced", "clean", "zero-ablated"};
  FunctionAutoencoder same(Same);
  for (size_t i = 0; i < names.size(); ++i) {
    model_.passes = {0, 0, 1 + static_cast<int>(i)};
    ExpectRefused(Evaluate(same).status(), kAborted, {"layers.1: the " + names[i] + " cross-entropy is not finite"});
  }
  model_.passes = {0, 0, 1 + 3 * static_cast<int>(tokens_.size())};
  ExpectRefused(Evaluate(same).status(), kAborted, {"layers.1: the mean-ablated cross-entropy is not finite"});
}

TEST_F(SplicedLossTest, BaselinesThatFailedAreMeasuredAgain) {
  FunctionAutoencoder same(Same);
  SplicedLoss spliced = Create();
  model_.passes.breaks_at = 2;
  EXPECT_EQ(spliced.Evaluate({&same}, {}).status().code(), kAborted);
  EXPECT_TRUE(Evaluate(spliced, same).ok());
}

TEST_F(SplicedLossTest, AnAutoencodersOwnErrorPasses) {
  FunctionAutoencoder failing(
      [](const at::Tensor&) -> absl::StatusOr<at::Tensor> { return absl::ResourceExhaustedError("too large"); });
  ExpectRefused(Evaluate(failing).status(), absl::StatusCode::kResourceExhausted, {"layers.1: too large"});
}

}  // namespace
}  // namespace seedbed
