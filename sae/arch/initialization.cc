#include "sae/arch/initialization.h"

#include <cmath>

#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/zeros.h"
#include "common/random.h"

namespace seedbed {
namespace {

constexpr uint64_t kEncoderPurpose = 0x656E636F64657221;  // "encoder!"
constexpr uint64_t kDecoderPurpose = 0x6465636F64657221;  // "decoder!"
constexpr uint64_t kBiasPurpose = 0x656E636269617321;     // "encbias!"

enum class Distribution { kUniform, kNormal };

// By Box and Muller.
double Normal(SplitMix64& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.Uniform()));
  return radius * std::cos(2 * M_PI * random.Uniform());
}

at::Tensor Draw(Distribution distribution, double scale, int64_t rows, int64_t columns, uint64_t seed) {
  at::Tensor matrix = at::empty({rows, columns});
  float* values = matrix.mutable_data_ptr<float>();
  SplitMix64 random(seed);
  for (int64_t i = 0; i < rows * columns; ++i) {
    const double value = distribution == Distribution::kUniform ? 2 * random.Uniform() - 1 : Normal(random);
    values[i] = static_cast<float>(value * scale);
  }
  return matrix;
}

// Sums in float64 and in order, so that the norm does not depend on a library's way of adding.
at::Tensor WithRowsOfNorm(const at::Tensor& matrix, double norm) {
  at::Tensor out = at::empty_like(matrix);
  const int64_t columns = matrix.size(1);
  for (int64_t i = 0; i < matrix.size(0); ++i) {
    const float* row = matrix.const_data_ptr<float>() + i * columns;
    float* scaled = out.mutable_data_ptr<float>() + i * columns;
    double squares = 0;
    for (int64_t q = 0; q < columns; ++q) squares += static_cast<double>(row[q]) * row[q];
    const double length = std::sqrt(squares);
    for (int64_t q = 0; q < columns; ++q) scaled[q] = length > 0 ? static_cast<float>(row[q] / length * norm) : 0.0f;
  }
  return out;
}

void DrawAsSparsify(const SaeConfig& config, SaeTensors* tensors) {
  const double bound = 1 / std::sqrt(static_cast<double>(config.d_in));
  tensors->encoder_weight =
      Draw(Distribution::kUniform, bound, config.latents, config.d_in, DeriveSeed(config.seed, kEncoderPurpose));
  tensors->decoder_weight = config.transcoder ? at::zeros({config.latents, config.target_width()})
                                              : WithRowsOfNorm(tensors->encoder_weight, 1);
}

void DrawDecoderFirst(const SaeConfig& config, SaeTensors* tensors) {
  const bool is_dictionary_learning = config.convention == Convention::kDictionaryLearning;
  const bool is_normal = is_dictionary_learning && (config.architecture == "relu" || config.architecture == "gated");
  const bool is_short = !is_dictionary_learning || config.architecture == "relu";
  const auto draw = [&](int64_t width, uint64_t purpose) {
    const at::Tensor drawn = Draw(is_normal ? Distribution::kNormal : Distribution::kUniform, 1, config.latents, width,
                                  DeriveSeed(config.seed, purpose));
    return WithRowsOfNorm(drawn, is_short ? 0.1 : 1);
  };
  tensors->decoder_weight = draw(config.target_width(), kDecoderPurpose);
  tensors->encoder_weight = config.transcoder ? draw(config.d_in, kEncoderPurpose) : tensors->decoder_weight.clone();
  if (is_dictionary_learning && config.architecture == "relu") {
    const double bound = 1 / std::sqrt(static_cast<double>(config.d_in));
    tensors->encoder_bias =
        Draw(Distribution::kUniform, bound, config.latents, 1, DeriveSeed(config.seed, kBiasPurpose));
    tensors->encoder_bias = tensors->encoder_bias.flatten();
  }
}

}  // namespace

SaeTensors InitialTensors(const SaeConfig& config) {
  SaeTensors tensors;
  tensors.encoder_bias = at::zeros({config.latents});
  tensors.decoder_bias = at::zeros({config.target_width()});
  if (config.skip) tensors.skip_weight = at::zeros({config.target_width(), config.d_in});
  if (config.convention == Convention::kSparsify) {
    DrawAsSparsify(config, &tensors);
  } else {
    DrawDecoderFirst(config, &tensors);
  }
  return tensors;
}

at::Tensor StartingDecoderBias(DecoderBiasStart start, const at::Tensor& targets) {
  switch (start) {
    case DecoderBiasStart::kMean:
      return ColumnMeans(targets);
    case DecoderBiasStart::kGeometricMedian:
      return GeometricMedian(targets);
    case DecoderBiasStart::kZero:
      break;
  }
  return at::zeros({targets.size(1)}, targets.options());
}

at::Tensor ColumnMeans(const at::Tensor& batch) { return batch[0] + (batch - batch[0]).mean(0); }

at::Tensor GeometricMedian(const at::Tensor& batch) {
  constexpr int kMostIterations = 100;
  constexpr double kTolerance = 1e-5;
  at::Tensor guess = ColumnMeans(batch);
  for (int i = 0; i < kMostIterations; ++i) {
    const at::Tensor weights = (batch - guess).norm(2, {1}).clamp_min(1e-20).reciprocal();
    const at::Tensor next = (weights.unsqueeze(1) * batch).sum(0) / weights.sum();
    const bool settled = (next - guess).norm().item<double>() < kTolerance;
    guess = next;
    if (settled) break;
  }
  return guess;
}

}  // namespace seedbed
