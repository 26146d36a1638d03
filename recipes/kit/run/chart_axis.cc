#include "recipes/kit/run/chart_axis.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roux::kit {
namespace {

constexpr double kFactors[] = {1, 2, 5};
constexpr double kSlack = 1e-9;      // of a step: what rounding may add to a quotient
constexpr double kMostSteps = 1e15;  // from 0: beyond, steps are lost in the rounding of their multiples
constexpr double kFewDecades = 3;    // below: ticks at 1, 2 and 5

ChartAxis linear_axis(double low, double high, int count) {
  if (low == high) {
    const double room = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= room, high += room;
  }
  // Of the steps that give three to `count` + 1 stretches the one that adds least room at the ends, the finer
  // of two that add the same.
  double best_step = high - low, best_first = 0, best_last = 1, least = INFINITY;
  const double power = std::pow(10.0, std::floor(std::log10((high - low) / count)));
  for (const double scale : {0.1, 1.0, 10.0}) {
    for (const double factor : kFactors) {
      const double step = factor * scale * power;
      const double first = std::floor(low / step + kSlack), last = std::ceil(high / step - kSlack);
      if (last - first < 3 || last - first > count + 1 || std::abs(first) > kMostSteps) continue;
      const double width = (last - first) * step;
      if (width >= least * (1 - kSlack)) continue;
      least = width, best_step = step, best_first = first, best_last = last;
    }
  }
  if (least == INFINITY) return {low, high, false, {low, high}};  // a range that doubles cannot divide
  ChartAxis axis{best_first * best_step + 0.0, best_last * best_step, false, {}};
  for (int i = 0; i <= static_cast<int>(best_last - best_first); ++i) {
    axis.ticks.push_back((best_first + i) * best_step + 0.0);  // never -0
  }
  return axis;
}

// The number `index` of ..., 0.1, 0.2, 0.5, 1, 2, 5, 10, ...; 1 has index 0.
double one_two_five(int index) {
  const int decade = index >= 0 ? index / 3 : -((-index + 2) / 3);
  return kFactors[index - 3 * decade] * std::pow(10.0, decade);
}

ChartAxis log_axis(double low, double high, int count) {
  const auto decade_of = [](double value) {
    return static_cast<int>(std::floor(std::log10(value) + kSlack));
  };
  ChartAxis axis{low, high, true, {}};
  if (high / low < std::pow(10.0, kFewDecades)) {
    int first = 3 * decade_of(low) + 2, last = 3 * decade_of(high);
    while (one_two_five(first) > low * (1 + kSlack)) --first;
    while (one_two_five(last) < high * (1 - kSlack)) ++last;
    if (first == last) --first, ++last;
    for (int i = first; i <= last; ++i) axis.ticks.push_back(one_two_five(i));
  } else {
    const int first = decade_of(low);
    const int decades = static_cast<int>(std::ceil(std::log10(high) - kSlack)) - first;
    const int stride = (decades + count - 1) / count;
    const int stretches = (decades + stride - 1) / stride;
    for (int i = 0; i <= stretches; ++i) axis.ticks.push_back(std::pow(10.0, first + i * stride));
  }
  axis.low = axis.ticks.front(), axis.high = axis.ticks.back();
  return axis;
}

}  // namespace

double ChartAxis::place(double value) const {
  if (log) return std::log(value / low) / std::log(high / low);
  return (value - low) / (high - low);
}

ChartAxis make_axis(double low, double high, bool log, int count) {
  count = std::max(count, 3);
  if (low > high) low = 0, high = 1, log = false;
  return log && low > 0 ? log_axis(low, high, count) : linear_axis(low, high, count);
}

std::string tick_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e13 || (size > 0 && size < 1e-3)) {
    const int power = static_cast<int>(std::floor(std::log10(size) + kSlack));
    return absl::StrFormat("%.3ge%d", value / std::pow(10.0, power), power);
  }
  constexpr struct {
    double unit;
    const char* letter;
  } kUnits[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  if (size >= 1e4) {
    for (const auto& item : kUnits) {
      if (size >= item.unit) return absl::StrFormat("%.4g%s", value / item.unit, item.letter);
    }
  }
  return absl::StrFormat("%.4g", value);
}

}  // namespace roux::kit
