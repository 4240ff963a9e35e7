#include "sae/inference/encoder.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/ops/addmm.h"
#include "ATen/ops/allclose.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/exp.h"
#include "ATen/ops/full.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/round.h"
#include "ATen/ops/topk.h"
#include "ATen/ops/zeros.h"
#include "ATen/ops/zeros_like.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/checkpoint/random_dictionary.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// f as dictionary.h defines it, with dense products.
at::Tensor DenseActivations(const Dictionary& dictionary, const at::Tensor& x) {
  const at::Tensor centered = dictionary.centers_input ? x - dictionary.decoder_bias : x;
  const at::Tensor products = at::mm(centered, dictionary.encoder_weight.t());
  if (dictionary.architecture == "gated") {
    const at::Tensor magnitudes = at::relu(products * at::exp(dictionary.log_magnitude) + dictionary.magnitude_bias);
    return magnitudes * (products + dictionary.gate_bias > 0);
  }
  const at::Tensor pre = products + dictionary.encoder_bias;
  if (dictionary.architecture == "topk") {
    const auto [values, indices] = at::topk(at::relu(pre), dictionary.k, -1);
    return at::zeros_like(pre).scatter(-1, indices, values);
  }
  if (HasThreshold(dictionary.architecture)) return at::relu(pre) * (pre > dictionary.threshold);
  return at::relu(pre);
}

at::Tensor DenseReconstruction(const Dictionary& dictionary, const at::Tensor& x) {
  at::Tensor x_hat = at::addmm(dictionary.decoder_bias, DenseActivations(dictionary, x), dictionary.decoder_weight);
  if (dictionary.skip_weight.defined()) x_hat = x_hat + at::mm(x, dictionary.skip_weight.t());
  return x_hat;
}

at::Tensor ToDense(const SparseActivations& activations, int64_t latents) {
  at::Tensor dense = at::zeros({activations.rows(), latents});
  float* values = dense.mutable_data_ptr<float>();
  for (int64_t r = 0; r < activations.rows(); ++r) {
    for (int64_t i = activations.starts[r]; i < activations.starts[r + 1]; ++i) {
      EXPECT_GT(activations.values[i], 0);
      EXPECT_TRUE(i == activations.starts[r] || activations.latents[i - 1] < activations.latents[i]);
      values[r * latents + activations.latents[i]] = activations.values[i];
    }
  }
  return dense;
}

void ExpectAsDefined(const Dictionary& dictionary, const at::Tensor& x) {
  const auto activations = Encode(dictionary, x);
  ASSERT_TRUE(activations.ok()) << activations.status();
  EXPECT_TRUE(at::allclose(ToDense(*activations, dictionary.latents()), DenseActivations(dictionary, x), 1e-5, 1e-5))
      << dictionary.architecture;
  const auto x_hat = Reconstruct(dictionary, x);
  ASSERT_TRUE(x_hat.ok()) << x_hat.status();
  EXPECT_TRUE(at::allclose(*x_hat, DenseReconstruction(dictionary, x), 1e-5, 1e-5)) << dictionary.architecture;
}

// Multiples of 1/16: products of such numbers and their sums are exact, in whatever order a machine adds them. No
// pre-activation lies above its threshold in one product and below it in another, and sums that cancel leave no error.
at::Tensor InSixteenths(const at::Tensor& values) { return at::round(values * 16) / 16; }

Dictionary InSixteenths(Dictionary dictionary) {
  for (at::Tensor* tensor :
       {&dictionary.encoder_weight, &dictionary.encoder_bias, &dictionary.decoder_weight, &dictionary.decoder_bias}) {
    *tensor = InSixteenths(*tensor);
  }
  return dictionary;
}

TEST(EncoderTest, EveryArchitectureIsAsItIsDefined) {
  const at::Tensor x = at::randn({37, 10});
  for (const char* architecture : kArchitectureNames) {
    for (const bool skip : {false, true}) {
      for (const bool centers_input : {false, true}) {
        ExpectAsDefined(RandomDictionary({architecture, 50, 10, 10, skip}, centers_input), x);
      }
      ExpectAsDefined(RandomDictionary({architecture, 50, 10, 16, skip}, /*centers_input=*/false), x);
    }
  }
}

// 70,000 latents make tiles of 48 rows.
TEST(EncoderTest, MoreRowsThanATileHolds) {
  const at::Tensor x = InSixteenths(at::randn({101, 4}));
  ExpectAsDefined(RandomDictionary({"topk", 70'000, 4, 4}), x);
  Dictionary dictionary = InSixteenths(RandomDictionary({"jumprelu", 70'000, 4, 4}));
  dictionary.threshold = at::full({70'000}, 12.0f);  // Leaves some tens of them a row: a sum of thousands would round.
  ExpectAsDefined(dictionary, x);
}

TEST(EncoderTest, TheNumberOfThreadsChangesNothing) {
  const Dictionary dictionary = RandomDictionary({"relu", 300, 16, 16});
  const at::Tensor x = at::randn({100, 16});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = Encode(dictionary, x);
  at::set_num_threads(4);
  const auto four = Encode(dictionary, x);
  at::set_num_threads(threads);
  ASSERT_TRUE(one.ok() && four.ok());
  EXPECT_EQ(one->starts, four->starts);
  EXPECT_EQ(one->latents, four->latents);
}

TEST(EncoderTest, NoRowsGiveNone) {
  const Dictionary dictionary = RandomDictionary("topk");
  EXPECT_EQ(Encode(dictionary, at::zeros({0, 4}))->rows(), 0);
  EXPECT_EQ(Reconstruct(dictionary, at::zeros({0, 4}))->size(0), 0);
}

TEST(EncoderTest, ARowWithoutActiveLatentsIsTheBias) {
  Dictionary dictionary = RandomDictionary("jumprelu");
  dictionary.threshold = at::ones({6}) * 1e6;
  const auto activations = Encode(dictionary, at::randn({2, 4}));
  ASSERT_TRUE(activations.ok());
  EXPECT_THAT(activations->starts, ElementsAre(0, 0, 0));
  EXPECT_TRUE(at::equal((*Reconstruct(dictionary, at::randn({1, 4})))[0], dictionary.decoder_bias));
}

TEST(EncoderTest, OfEqualActivationsTopkTakesTheLowerIndex) {
  Dictionary dictionary = RandomDictionary("topk");
  dictionary.k = 2;
  dictionary.encoder_weight = at::zeros({6, 4});
  dictionary.encoder_bias = at::ones({6});
  EXPECT_THAT(Encode(dictionary, at::randn({1, 4}))->latents, ElementsAre(0, 1));
}

TEST(EncoderTest, TakesRowsThatAreNotContiguous) { ExpectAsDefined(RandomDictionary("relu"), at::randn({4, 9}).t()); }

TEST(EncoderTest, NamesWhatIsWrongWithTheRows) {
  const Dictionary dictionary = RandomDictionary("topk");
  const auto message = [&](const at::Tensor& x) {
    const absl::Status status = Encode(dictionary, x).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Reconstruct(dictionary, x).status(), status);
    return std::string(status.message());
  };
  EXPECT_THAT(message(at::Tensor()), HasSubstr("\"x\""));
  EXPECT_THAT(message(at::randn({2, 5})), AllOf(HasSubstr("[2, 5]"), HasSubstr("[rows, 4]")));
  EXPECT_THAT(message(at::randn({4})), HasSubstr("[4]"));
  EXPECT_THAT(message(at::randn({2, 4}, at::kDouble)), HasSubstr("float32"));
  EXPECT_THAT(message(at::ones({2, 4}) * std::numeric_limits<float>::quiet_NaN()), HasSubstr("not finite"));
  const auto two_rows = Encode(dictionary, at::randn({2, 4}));
  EXPECT_THAT(Decode(dictionary, *two_rows, at::randn({3, 4})).status().message(),
              AllOf(HasSubstr("2 rows"), HasSubstr("3")));
}

}  // namespace
}  // namespace seedbed
