// Charts as inline SVG for reports: an arm is a line (the mean of its seeds) with a band (smallest to largest
// seed), axes end on round ticks, each point has a title on hover.
//
//   svg_chart({.title = "validation loss", .x_label = "step", .y_label = "loss (nats)", .series = ..., .log_x
//   = true})
//
// The picture scales with the page and stays readable at 400 px. Colours are CSS variables (--series-1 ..
// --series-8, --ink, --muted, --grid, --card) that the page defines for light and dark (report_style.h).
#ifndef ROUX_RECIPES_KIT_RUN_SVG_CHART_H_
#define ROUX_RECIPES_KIT_RUN_SVG_CHART_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "recipes/kit/run/arm_curves.h"

namespace roux::kit {

struct Chart {
  std::string title;
  std::string x_label;  // with the unit in brackets, as y_label
  std::string y_label;
  std::vector<Series> series;
  // Logarithmic axes. Points that are not positive are left out, which the caption says.
  bool log_x = false;
  bool log_y = false;
};

// A <figure> element. Curves of more than 300 points are drawn as means of equal stretches, which the caption
// says, as it says what band and bar are.
std::string svg_chart(const Chart& chart);

// & < > " ' for HTML and SVG.
std::string html_escape(absl::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_SVG_CHART_H_
