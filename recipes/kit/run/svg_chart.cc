#include "recipes/kit/run/svg_chart.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/run/chart_axis.h"
#include "recipes/kit/run/text_table.h"
#include "recipes/kit/text/printable.h"

namespace roux::kit {
namespace {

// In a card of a 400 px page a unit is about 0.8 px, in half a wide page about 1 px, so the 13 units of a
// letter can be read in both (report_style.h).
constexpr double kWidth = 440, kHeight = 270;
constexpr double kRight = 22, kTop = 10, kBottom = 46;
constexpr double kNameWidth = 25;     // of the turned axis name
constexpr double kDigitWidth = 7.4;   // of a tick label
constexpr double kLetterWidth = 6.8;  // of an axis name, on average
constexpr size_t kMostPoints = 300;
constexpr size_t kMostTitles = 60;  // of a line: hover targets cost more bytes than the line
constexpr size_t kColours = 8;
constexpr double kMark = 3.2;  // half the size of a point

struct Frame {
  ChartAxis x, y;
  double left = 0;
  bool names_x = true,
       names_y = true;  // an axis' name has room beside it; else it stands above or below the plot
  double px(double value) const { return left + x.place(value) * (kWidth - left - kRight); }
  double py(double value) const { return kHeight - kBottom - y.place(value) * (kHeight - kTop - kBottom); }
};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(const std::vector<double>& values) {
    for (const double value : values) low = std::min(low, value), high = std::max(high, value);
  }
};

Frame make_frame(const std::vector<ArmCurve>& curves, const Chart& chart) {
  Range x, y;
  for (const ArmCurve& curve : curves) {
    x.add(curve.x);
    y.add(curve.low);
    y.add(curve.high);
  }
  Frame frame{make_axis(x.low, x.high, chart.log_x, 6), make_axis(y.low, y.high, chart.log_y, 5)};
  size_t widest = 1;
  for (const double tick : frame.y.ticks) widest = std::max(widest, tick_text(tick).size());
  const auto fits = [](const std::string& name, double room) {
    return kLetterWidth * static_cast<double>(utf8_width(name)) <= room;
  };
  frame.names_y = fits(chart.y_label, kHeight - kBottom);
  frame.left = (frame.names_y ? kNameWidth : 4) + kDigitWidth * static_cast<double>(widest) + 6;
  frame.names_x = fits(chart.x_label, kWidth - frame.left);
  return frame;
}

std::string axes(const Frame& frame, const Chart& chart) {
  const double base = kHeight - kBottom;
  std::string out;
  for (const double tick : frame.y.ticks) {
    absl::StrAppendFormat(&out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>",
                          frame.left, kWidth - kRight, frame.py(tick), frame.py(tick));
    absl::StrAppendFormat(&out, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                          frame.left - 6, frame.py(tick) + 4.5, tick_text(tick));
  }
  for (const double tick : frame.x.ticks) {
    absl::StrAppendFormat(&out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\"/>",
                          frame.px(tick), frame.px(tick), kTop, base);
    absl::StrAppendFormat(&out, "<text class=\"tick\" x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%s</text>\n",
                          frame.px(tick), base + 17, tick_text(tick));
  }
  absl::StrAppendFormat(&out, "<path class=\"axis\" d=\"M%.1f %gV%gH%g\"/>\n", frame.left, kTop, base,
                        kWidth - kRight);
  if (frame.names_x) {
    absl::StrAppendFormat(&out,
                          "<text class=\"label\" x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%s</text>\n",
                          (frame.left + kWidth - kRight) / 2, kHeight - 8, html_escape(chart.x_label));
  }
  if (frame.names_y) {
    absl::StrAppendFormat(&out,
                          "<text class=\"label\" transform=\"translate(14 %g) rotate(-90)\" "
                          "text-anchor=\"middle\">%s</text>\n",
                          (kTop + base) / 2, html_escape(chart.y_label));
  }
  return out;
}

// The shape of an arm's points: hollow, so that one does not hide another, and told apart without colour.
std::string mark(double x, double y, size_t shape) {
  const double r = kMark;
  switch (shape % 4) {
    case 0:
      return absl::StrFormat("M%.1f %.1fa%g %g 0 1 0 %g 0a%g %g 0 1 0 %g 0", x - r, y, r, r, 2 * r, r, r,
                             -2 * r);
    case 1:
      return absl::StrFormat("M%.1f %.1fh%gv%gh%gz", x - r, y - r, 2 * r, 2 * r, -2 * r);
    case 2:
      return absl::StrFormat("M%.1f %.1fl%g %gh%gz", x, y - r, r, 2 * r, -2 * r);
    default:
      return absl::StrFormat("M%.1f %.1fl%g %gl%g %gl%g %gz", x, y - 1.3 * r, 1.3 * r, 1.3 * r, -1.3 * r,
                             1.3 * r, -1.3 * r, -1.3 * r);
  }
}

// "dashed" for what is not measured, "again" when the colours are used a second time.
std::string line_class(const ArmCurve& curve, size_t label) {
  return absl::StrCat("line", curve.style == Series::kDashed ? " dashed" : label >= kColours ? " again" : "");
}

std::string title_of(const ArmCurve& curve, size_t i, const Chart& chart) {
  std::string spread;
  if (curve.seeds > 1) {
    spread = absl::StrCat(" (", format_number(curve.low[i], 6), " to ", format_number(curve.high[i], 6), ")");
  }
  return absl::StrCat("<title>", html_escape(curve.label), "\n", html_escape(chart.x_label), " ",
                      format_number(curve.x[i], 6), "\n", html_escape(chart.y_label), " ",
                      format_number(curve.mean[i], 6), spread, "</title>");
}

std::string band(const Frame& frame, const ArmCurve& curve) {
  std::string path;
  for (size_t i = 0; i < curve.x.size(); ++i) {
    absl::StrAppendFormat(&path, "%s%.1f %.1f", i == 0 ? "M" : "L", frame.px(curve.x[i]),
                          frame.py(curve.high[i]));
  }
  for (size_t i = curve.x.size(); i-- > 0;) {
    absl::StrAppendFormat(&path, "L%.1f %.1f", frame.px(curve.x[i]), frame.py(curve.low[i]));
  }
  return absl::StrCat("<path class=\"band\" d=\"", path, "z\"/>");
}

std::string line(const Frame& frame, const ArmCurve& curve, size_t label, const Chart& chart) {
  std::string path, hits;
  const size_t every = (curve.x.size() + kMostTitles - 1) / kMostTitles;
  for (size_t i = 0; i < curve.x.size(); ++i) {
    const double x = frame.px(curve.x[i]), y = frame.py(curve.mean[i]);
    absl::StrAppendFormat(&path, "%s%.1f %.1f", i == 0 ? "M" : "L", x, y);
    if (i % every != 0 && i + 1 != curve.x.size()) continue;
    absl::StrAppendFormat(&hits, "<circle class=\"hit\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\">%s</circle>", x, y,
                          title_of(curve, i, chart));
  }
  if (curve.x.size() == 1) path += "h0";  // a lone point is drawn as the round end of a line
  return absl::StrCat("<path class=\"", line_class(curve, label), "\" d=\"", path, "\"/>", hits);
}

std::string points(const Frame& frame, const ArmCurve& curve, size_t label, const Chart& chart) {
  std::string out;
  for (size_t i = 0; i < curve.x.size(); ++i) {
    const double x = frame.px(curve.x[i]);
    if (curve.seeds > 1) {
      absl::StrAppendFormat(&out, "<path class=\"bar\" d=\"M%.1f %.1fV%.1f\"/>", x, frame.py(curve.low[i]),
                            frame.py(curve.high[i]));
    }
    absl::StrAppend(&out, "<path class=\"mark\" d=\"", mark(x, frame.py(curve.mean[i]), label), "\">",
                    title_of(curve, i, chart), "</path>");
  }
  return out;
}

std::vector<std::string> labels_of(const std::vector<ArmCurve>& curves) {
  std::vector<std::string> labels;
  for (const ArmCurve& curve : curves) {
    if (std::find(labels.begin(), labels.end(), curve.label) == labels.end()) labels.push_back(curve.label);
  }
  return labels;
}

std::string colour(size_t label) { return absl::StrCat("--c:var(--series-", label % kColours + 1, ")"); }

// What the lines, bands and bars are, for the legend.
std::string spread_text(const std::vector<ArmCurve>& curves) {
  int fewest = std::numeric_limits<int>::max(), most = 1;
  bool lines = false, marks = false;
  for (const ArmCurve& curve : curves) {
    if (curve.seeds < 2) continue;
    fewest = std::min(fewest, curve.seeds), most = std::max(most, curve.seeds);
    (curve.style == Series::kPoints ? marks : lines) = true;
  }
  if (most < 2) return "";
  const char* what = lines && marks ? "line and point" : lines ? "line" : "point";
  const char* spread = lines && marks ? "band and bar" : lines ? "band" : "bar";
  return absl::StrCat(what, ": mean of ", fewest == most ? "" : absl::StrCat(fewest, " to "), most,
                      " seeds; ", spread, ": smallest to largest seed");
}

std::string legend(const std::vector<ArmCurve>& curves, const std::vector<std::string>& labels) {
  const std::string spread = spread_text(curves);
  const bool named = labels.size() > 1 || (labels.size() == 1 && !labels[0].empty());
  if (!named && spread.empty()) return "";
  std::string out = "<div class=\"legend\">";
  for (size_t i = 0; named && i < labels.size(); ++i) {
    absl::StrAppend(&out, "<span><svg class=\"key\" viewBox=\"0 0 24 12\" style=\"", colour(i), "\">");
    for (const ArmCurve& curve : curves) {
      if (curve.label != labels[i]) continue;
      if (curve.style == Series::kPoints) {
        absl::StrAppend(&out, "<path class=\"mark\" d=\"", mark(12, 6, i), "\"/>");
      } else {
        absl::StrAppend(&out, "<path class=\"", line_class(curve, i), "\" d=\"M1 6H23\"/>");
      }
    }
    absl::StrAppend(&out, "</svg>", html_escape(labels[i]), "</span>");
  }
  if (!spread.empty()) absl::StrAppend(&out, "<small>", spread, "</small>");
  return out + "</div>\n";
}

}  // namespace

std::string html_escape(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string svg_chart(const Chart& chart) {
  const ArmCurves drawn = arm_curves(chart.series, chart.log_x, chart.log_y, kMostPoints);
  const std::vector<std::string> labels = labels_of(drawn.curves);
  const auto label_at = [&](const ArmCurve& curve) {
    return static_cast<size_t>(std::find(labels.begin(), labels.end(), curve.label) - labels.begin());
  };
  const Frame frame = make_frame(drawn.curves, chart);
  std::string out = absl::StrCat("<figure><figcaption>", html_escape(chart.title), "</figcaption>\n",
                                 legend(drawn.curves, labels));
  if (!frame.names_y) absl::StrAppend(&out, "<p class=\"note\">", html_escape(chart.y_label), ":</p>\n");
  absl::StrAppendFormat(&out, "<svg class=\"plot\" viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n",
                        kWidth, kHeight, html_escape(chart.title));
  absl::StrAppend(&out, axes(frame, chart));
  for (const ArmCurve& curve : drawn.curves) {  // bands lie under all lines
    if (curve.seeds < 2 || curve.style == Series::kPoints || curve.x.empty()) continue;
    absl::StrAppend(&out, "<g style=\"", colour(label_at(curve)), "\">", band(frame, curve), "</g>\n");
  }
  for (const ArmCurve& curve : drawn.curves) {
    if (curve.x.empty()) continue;
    const size_t label = label_at(curve);
    absl::StrAppend(&out, "<g style=\"", colour(label), "\">",
                    curve.style == Series::kPoints ? points(frame, curve, label, chart)
                                                   : line(frame, curve, label, chart),
                    "</g>\n");
  }
  absl::StrAppend(&out, "</svg>");
  std::vector<std::string> notes;
  if (!frame.names_x) notes.push_back(absl::StrCat("Across: ", html_escape(chart.x_label), "."));
  if (drawn.stretch > 1)
    notes.push_back(absl::StrCat("Each point is the mean of up to ", drawn.stretch, " values."));
  if (drawn.omitted > 0)
    notes.push_back(absl::StrCat(drawn.omitted, " values that are not positive are not shown."));
  if (!notes.empty()) absl::StrAppend(&out, "<p class=\"note\">", absl::StrJoin(notes, " "), "</p>");
  return absl::StrCat(out, "</figure>\n");
}

}  // namespace roux::kit
