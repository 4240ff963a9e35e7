#include "sae/arch/kernels/parameter_rows.h"

#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

// z -= learning_rate sign(gradient); y moves as SignumUpdate says.
void SignumRow(const SignumUpdate& update, const float* __restrict gradient, int64_t width, float* __restrict y,
               float* __restrict z) {
  const SignumUpdate u = update;
  const float to_average = 1 - 1 / u.momentum;
  const float to_z = 1 - u.momentum;
  for (int64_t q = 0; q < width; ++q) {
    const float sign = static_cast<float>(gradient[q] > 0) - static_cast<float>(gradient[q] < 0);
    const float average = y[q] + to_average * (z[q] - y[q]);
    const float moved = z[q] - u.learning_rate * sign;
    const float next_average = average + u.average_weight * (moved - average);
    z[q] = moved;
    y[q] = next_average + to_z * (moved - next_average);
  }
}

void Scale(float factor, int64_t width, float* __restrict values) {
  for (int64_t q = 0; q < width; ++q) values[q] *= factor;
}

}  // namespace

void UpdateElements(const OptimizerUpdate& update, int64_t begin, int64_t width, float* gradient,
                    const ParameterRows& parameter) {
  float* value = parameter.value + begin;
  float* moment1 = parameter.moment1 + begin;
  if (update.kind == OptimizerKind::kSignum) {
    SignumRow(update.signum, gradient, width, value, moment1);
    return;
  }
  if (update.gradient_scale != 1) Scale(update.gradient_scale, width, gradient);
  AdamRow(update.adam, gradient, width, value, moment1, parameter.moment2 + begin);
}

void PrefetchElements(const ParameterRows& parameter, int64_t begin, int64_t width) {
  constexpr int64_t kFloatsInLine = 16;
  for (int64_t at = begin; at < begin + width; at += kFloatsInLine) {
    __builtin_prefetch(parameter.value + at, /*rw=*/1);
    __builtin_prefetch(parameter.moment1 + at, /*rw=*/1);
    if (parameter.moment2 != nullptr) __builtin_prefetch(parameter.moment2 + at, /*rw=*/1);
  }
}

}  // namespace seedbed
