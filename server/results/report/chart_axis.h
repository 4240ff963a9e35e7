// An axis of a chart: its range, its scale and its round ticks. Pure.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_CHART_AXIS_H_
#define SEEDBED_SERVER_RESULTS_REPORT_CHART_AXIS_H_

#include <string>
#include <vector>

namespace seedbed {

struct ChartAxis {
  enum class Scale { kLinear, kLogarithmic };

  std::string label;
  double least = 0;
  double most = 1;
  Scale scale = Scale::kLinear;
  std::vector<double> ticks;

  // Where a value lies: 0 at `least`, 1 at `most`. Not finite for a value that has no place on this scale.
  double Place(double value) const;
};

// Multiples of 1, 2 or 5 times a power of ten in [least, most], about `count` of them.
std::vector<double> RoundTicks(double least, double most, int count);

// 0 to 1, as fractions are shown.
ChartAxis FractionAxis(std::string label);

// From `least` to `most` with round ticks; a range that is empty or not finite is [least, least + 1] or [0, 1].
ChartAxis LinearAxis(std::string label, double least, double most);

// The whole numbers from `least` to `most`, thinned where they are many, with room for marks on both sides.
ChartAxis WholeAxis(std::string label, int least, int most);

// Logarithmic, with ticks at `values` (above 0) themselves, thinned where they are many.
ChartAxis LogarithmicAxis(std::string label, std::vector<double> values);

// "0.25", "4,096".
std::string FormatTick(double value);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_CHART_AXIS_H_
