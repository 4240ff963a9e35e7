// Against NumPy: numpy_fixture.json, written by make_numpy_fixture.py.
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "common/file.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "sae/evaluation/reconstruction_metrics.h"
#include "tests/sae/evaluation/dictionary_autoencoder.h"

namespace seedbed {
namespace {

at::Tensor TensorOf(const nlohmann::json& values, const std::vector<int64_t>& shape) {
  auto floats = values.get<std::vector<float>>();
  return at::from_blob(floats.data(), shape, at::kFloat).clone();
}

struct Case {
  explicit Case(const nlohmann::json& json) : expected(json["expected"]) {
    const int64_t rows = json["rows"];
    const int64_t width = json["width"];
    const int64_t latents = json["latents"];
    x = TensorOf(json["x"], {rows, width});
    x_hat = TensorOf(json["x_hat"], {rows, width});
    const nlohmann::json& tensors = json["dictionary"];
    dictionary.k = json["k"];
    dictionary.encoder_weight = TensorOf(tensors["encoder.weight"], {latents, width});
    dictionary.encoder_bias = TensorOf(tensors["encoder.bias"], {latents});
    dictionary.decoder_weight = TensorOf(tensors["W_dec"], {latents, width});
    dictionary.decoder_bias = TensorOf(tensors["b_dec"], {width});
  }

  at::Tensor x;
  at::Tensor x_hat;
  Dictionary dictionary;
  nlohmann::json expected;
};

void ExpectEqual(const ReconstructionSummary& found, const nlohmann::json& expected) {
  const auto expect_near = [&expected](double value, const char* name) {
    const double reference = expected[name];
    EXPECT_NEAR(value, reference, 1e-12 * std::abs(reference)) << name;
  };
  expect_near(found.fvu, "fvu");
  expect_near(found.mse, "mse");
  expect_near(found.cosine, "cosine");
  expect_near(found.norm_ratio, "norm_ratio");
  expect_near(found.l0, "l0");
  EXPECT_NEAR(found.explained_variance, expected["explained_variance"], 1e-12);
  EXPECT_EQ(found.l0_histogram, expected["l0_histogram"].get<std::vector<int64_t>>());
  EXPECT_EQ(found.firing_frequency, expected["firing_frequency"].get<std::vector<double>>());
  EXPECT_EQ(found.dead_latents, expected["dead_latents"].get<int64_t>());
  EXPECT_EQ(found.dense_latents, expected["dense_latents"].get<int64_t>());
}

TEST(NumpyTest, SameReconstructionMetricsHoweverRowsAreSplit) {
  const auto text = ReadFile(SEEDBED_SOURCE_DIR "/tests/sae/evaluation/numpy_fixture.json");
  ASSERT_TRUE(text.ok()) << text.status();
  const nlohmann::json cases = nlohmann::json::parse(*text)["cases"];
  ASSERT_EQ(cases.size(), 2);
  for (const nlohmann::json& json : cases) {
    SCOPED_TRACE(json["name"].get<std::string>());
    const Case test(json);
    DictionaryAutoencoder autoencoder(test.dictionary);
    for (const int64_t together : {1, 7, 60}) {
      ReconstructionMetrics metrics(test.x.size(1), autoencoder.latents());
      for (int64_t first = 0; first < test.x.size(0); first += together) {
        const int64_t count = std::min(together, test.x.size(0) - first);
        Reconstruction reconstruction = autoencoder.Reconstruct(test.x.narrow(0, first, count)).value();
        // NumPy's, rounded to float32; ours differ by the rounding of a float32 product.
        const at::Tensor x_hat = test.x_hat.narrow(0, first, count);
        EXPECT_LT(((reconstruction.rows - x_hat).norm() / x_hat.norm()).item<double>(), 1e-5);
        reconstruction.rows = x_hat;
        const absl::Status added = metrics.Add(test.x.narrow(0, first, count), reconstruction);
        ASSERT_TRUE(added.ok()) << added;
      }
      const auto found = metrics.Result();
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(found->rows, test.x.size(0));
      ExpectEqual(*found, test.expected);
    }
  }
}

}  // namespace
}  // namespace seedbed
