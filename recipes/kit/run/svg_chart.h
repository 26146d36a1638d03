// Line charts as inline SVG for reports: axes with round ticks, legend, a title on hover for each point.
// Colours are CSS variables (--series-1 .. --series-8, --ink, --muted, --grid) that the page defines for
// light and dark.
#ifndef ROUX_RECIPES_KIT_RUN_SVG_CHART_H_
#define ROUX_RECIPES_KIT_RUN_SVG_CHART_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace roux::kit {

struct Series {
  enum Style { kLine, kDashed, kPoints };
  // Series with one label share a colour and a legend entry (the seeds of one arm, say).
  std::string label;
  std::vector<double> x;
  std::vector<double> y;  // points that are not finite are left out
  Style style = kLine;
};

struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
};

// A <figure> element. Lines of more than 300 points are drawn as means of equal stretches, which the caption
// says.
std::string svg_chart(const Chart& chart);

// About `count` round numbers (1, 2 or 5 times a power of ten apart) that lie within [low, high].
std::vector<double> axis_ticks(double low, double high, int count);

// & < > " for HTML and SVG.
std::string html_escape(absl::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_SVG_CHART_H_
