#include "sae/agreement/activation_correlation.h"

#include <cmath>
#include <vector>

#include "common/random.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

// Dense activations [rows, latents] as rows of active latents.
struct Activations {
  explicit Activations(std::vector<std::vector<float>> dense) : dense(std::move(dense)) {
    for (const std::vector<float>& row : this->dense) {
      for (size_t latent = 0; latent < row.size(); ++latent) {
        if (row[latent] == 0) continue;
        latents.push_back(static_cast<uint32_t>(latent));
        values.push_back(row[latent]);
      }
      starts.push_back(static_cast<int64_t>(latents.size()));
    }
  }
  ActiveRows View() const { return {starts, latents, values}; }
  std::vector<double> Column(size_t latent) const {
    std::vector<double> column;
    for (const std::vector<float>& row : dense) column.push_back(row[latent]);
    return column;
  }

  std::vector<std::vector<float>> dense;
  std::vector<int64_t> starts = {0};
  std::vector<uint32_t> latents;
  std::vector<float> values;
};

Activations RandomActivations(int64_t rows, int64_t latents, SplitMix64* random) {
  std::vector<std::vector<float>> dense(static_cast<size_t>(rows), std::vector<float>(static_cast<size_t>(latents)));
  for (std::vector<float>& row : dense) {
    for (float& value : row) value = random->Below(3) == 0 ? static_cast<float>(random->Uniform()) : 0;
  }
  return Activations(std::move(dense));
}

double Pearson(const std::vector<double>& x, const std::vector<double>& y) {
  double mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / static_cast<double>(x.size());
    mean_y += y[i] / static_cast<double>(x.size());
  }
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return xy / std::sqrt(xx * yy);
}

TEST(ActivationCorrelation, IsPearsonsOverAllRowsOfAllBatches) {
  SplitMix64 random(1);
  const std::vector<int32_t> counterpart = {2, -1, 0, 3};
  ActivationCorrelation correlation(counterpart, 4);
  std::vector<std::vector<double>> a(4), b(4);
  for (const int64_t rows : {40, 1, 200}) {
    const Activations of_a = RandomActivations(rows, 4, &random);
    const Activations of_b = RandomActivations(rows, 4, &random);
    correlation.Add(of_a.View(), of_b.View());
    for (size_t latent = 0; latent < 4; ++latent) {
      for (const double value : of_a.Column(latent)) a[latent].push_back(value);
      for (const double value : of_b.Column(latent)) b[latent].push_back(value);
    }
  }
  EXPECT_EQ(correlation.rows(), 241);
  const auto correlations = correlation.Correlations();
  for (const size_t latent : {0, 2, 3}) {
    ASSERT_TRUE(correlations[latent].has_value());
    EXPECT_NEAR(*correlations[latent], Pearson(a[latent], b[static_cast<size_t>(counterpart[latent])]), 1e-9);
  }
  EXPECT_FALSE(correlations[1].has_value()) << "no counterpart";
}

TEST(ActivationCorrelation, OfADictionaryWithItselfIsOne) {
  SplitMix64 random(2);
  const Activations activations = RandomActivations(100, 3, &random);
  ActivationCorrelation correlation(std::vector<int32_t>{0, 1, 2}, 3);
  correlation.Add(activations.View(), activations.View());
  for (const auto& value : correlation.Correlations()) EXPECT_NEAR(*value, 1, 1e-12);
}

TEST(ActivationCorrelation, IsNoneWhereALatentIsConstant) {
  const Activations a({{0, 0.1f}, {0, 0.1f}, {0, 0.1f}});
  const Activations b({{1, 2}, {3, 4}, {0, 1}});
  ActivationCorrelation correlation(std::vector<int32_t>{0, 1}, 2);
  EXPECT_FALSE(correlation.Correlations()[0].has_value()) << "no rows yet";
  correlation.Add(a.View(), b.View());
  EXPECT_FALSE(correlation.Correlations()[0].has_value()) << "never active";
  EXPECT_FALSE(correlation.Correlations()[1].has_value()) << "always the same";
}

}  // namespace
}  // namespace seedbed
