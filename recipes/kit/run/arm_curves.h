// What a chart draws of its series: the seeds of an arm become one curve, their mean with the range from the
// smallest to the largest seed.
#ifndef ROUX_RECIPES_KIT_RUN_ARM_CURVES_H_
#define ROUX_RECIPES_KIT_RUN_ARM_CURVES_H_

#include <cstddef>
#include <string>
#include <vector>

namespace roux::kit {

struct Series {
  enum Style { kLine, kDashed, kPoints };
  // Series with one label are the seeds of one arm: they share a colour and a legend entry, and those of one
  // style are drawn as their mean and range.
  std::string label;
  std::vector<double> x;
  std::vector<double> y;  // points that are not finite are left out
  Style style = kLine;
};

struct ArmCurve {
  std::string label;
  Series::Style style = Series::kLine;
  std::vector<double> x, mean, low, high;  // of equal size
  int seeds = 1;                           // series that went into it; 1: low == mean == high
};

struct ArmCurves {
  std::vector<ArmCurve> curves;  // in order of appearance
  size_t stretch = 1;            // points that a drawn point is the mean of, at most
  size_t omitted = 0;            // points that are not positive on a logarithmic axis
};

// Groups by label and style. Lines: the mean at each x that one of the seeds has, over the seeds whose own
// range holds x (linear between their points, so seeds may be evaluated at different steps); of two points of
// one seed at the same x the later counts. Points: the mean over equal x; a single series stays as it is.
// More than `most_points` points of a curve become means of equal stretches.
ArmCurves arm_curves(const std::vector<Series>& series, bool log_x, bool log_y, size_t most_points);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_ARM_CURVES_H_
