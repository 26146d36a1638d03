// One axis of a chart: its range, its round ticks and where a value lies on it.
//
//   const ChartAxis axis = make_axis(2.61, 5.7, /*log=*/false, 6);   // 2.5 to 6, ticks every 0.5
//   axis.place(4.25)                                                 // 0.5
#ifndef ROUX_RECIPES_KIT_RUN_CHART_AXIS_H_
#define ROUX_RECIPES_KIT_RUN_CHART_AXIS_H_

#include <string>
#include <vector>

namespace roux::kit {

struct ChartAxis {
  double low = 0;
  double high = 1;
  bool log = false;
  std::vector<double> ticks;  // ascending; the first is `low`, the last is `high`

  // 0 at `low`, 1 at `high`; by the logarithm on a logarithmic axis, where `value` must be positive.
  double place(double value) const;
};

// The axis that holds [low, high], widened to round numbers so that a tick stands at both ends, with at most
// about `count` steps between ticks. Linear: ticks 1, 2 or 5 times a power of ten apart. Logarithmic: 1, 2
// and 5 times powers of ten below three decades, else powers of ten; needs 0 < low, otherwise the axis is
// linear. low > high (no data): [0, 1]; low == high: a range around the value.
ChartAxis make_axis(double low, double high, bool log, int count);

// A tick as text: 0.25, 20k, 1.5M, 1e-5.
std::string tick_text(double value);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CHART_AXIS_H_
