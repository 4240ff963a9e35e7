#include "server/results/report/chart_axis.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/number_words.h"

namespace seedbed {
namespace {

constexpr int kUsualTicks = 5;
constexpr int kMostWholeTicks = 12;
constexpr size_t kMostLogarithmicTicks = 6;
constexpr double kRoom = 0.5;             // Beside the outermost whole numbers.
constexpr double kLogarithmicRoom = 1.2;  // A factor.

}  // namespace

double ChartAxis::Place(double value) const {
  if (scale == Scale::kLogarithmic) return std::log(value / least) / std::log(most / least);
  return (value - least) / (most - least);
}

std::vector<double> RoundTicks(double least, double most, int count) {
  const double raw = (most - least) / count;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::ceil(least / step - 1e-9);
  for (double i = first; i * step <= most + step * 1e-9; ++i) ticks.push_back(i == 0 ? 0 : i * step);
  return ticks;
}

ChartAxis FractionAxis(std::string label) { return LinearAxis(std::move(label), 0, 1); }

ChartAxis LinearAxis(std::string label, double least, double most) {
  if (!std::isfinite(least) || !std::isfinite(most)) least = 0, most = 1;
  if (most <= least) most = least + 1;
  return {std::move(label), least, most, ChartAxis::Scale::kLinear, RoundTicks(least, most, kUsualTicks)};
}

ChartAxis WholeAxis(std::string label, int least, int most) {
  ChartAxis axis = {std::move(label), least - kRoom, most + kRoom, ChartAxis::Scale::kLinear, {}};
  const int step = (most - least) / kMostWholeTicks + 1;
  for (int value = least; value <= most; value += step) axis.ticks.push_back(value);
  return axis;
}

ChartAxis LogarithmicAxis(std::string label, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (values.empty()) values = {1};
  ChartAxis axis = {std::move(label),
                    values.front() / kLogarithmicRoom,
                    values.back() * kLogarithmicRoom,
                    ChartAxis::Scale::kLogarithmic,
                    {}};
  const size_t step = (values.size() - 1) / kMostLogarithmicTicks + 1;
  for (size_t i = 0; i < values.size(); i += step) axis.ticks.push_back(values[i]);
  return axis;
}

std::string FormatTick(double value) {
  if (value == std::round(value) && std::abs(value) < 1e15) return FormatCount(static_cast<int64_t>(value));
  return absl::StrFormat("%g", value);
}

}  // namespace seedbed
