#include "recipes/kit/run/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/run/text_table.h"

namespace roux::kit {
namespace {

constexpr double kWidth = 720, kHeight = 300;
constexpr double kLeft = 58, kRight = 14, kTop = 12, kBottom = 44;
constexpr size_t kMostPoints = 300;
constexpr size_t kColours = 8;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // Room around the data; a single value gets a range of its own.
  void widen(double share) {
    if (low > high) low = 0, high = 1;
    double room = (high - low) * share;
    if (high == low) room = std::max(std::abs(high) * 0.1, 1e-3);
    low -= room;
    high += room;
  }
  double place(double value) const { return (value - low) / (high - low); }
};

// Finite points, thinned to means over equal stretches. `stretch` is the points a mean was taken over.
Series thinned(const Series& series, size_t& stretch) {
  Series finite{series.label, {}, {}, series.style};
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
    finite.x.push_back(series.x[i]);
    finite.y.push_back(series.y[i]);
  }
  const size_t count = finite.x.size();
  if (count <= kMostPoints) return finite;
  const size_t step = (count + kMostPoints - 1) / kMostPoints;
  stretch = std::max(stretch, step);
  Series means{series.label, {}, {}, series.style};
  for (size_t begin = 0; begin < count; begin += step) {
    const size_t end = std::min(count, begin + step);
    double x = 0, y = 0;
    for (size_t i = begin; i < end; ++i) x += finite.x[i], y += finite.y[i];
    means.x.push_back(x / static_cast<double>(end - begin));
    means.y.push_back(y / static_cast<double>(end - begin));
  }
  return means;
}

struct Frame {
  Range x, y;
  double px(double value) const { return kLeft + x.place(value) * (kWidth - kLeft - kRight); }
  double py(double value) const { return kHeight - kBottom - y.place(value) * (kHeight - kTop - kBottom); }
};

std::string axes(const Frame& frame, const Chart& chart) {
  const double base = kHeight - kBottom;
  std::string out;
  for (const double tick : axis_ticks(frame.y.low, frame.y.high, 5)) {
    absl::StrAppendFormat(&out, "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>", kLeft,
                          kWidth - kRight, frame.py(tick), frame.py(tick));
    absl::StrAppendFormat(&out, "<text class=\"tick\" x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                          kLeft - 8, frame.py(tick) + 4, format_number(tick));
  }
  for (const double tick : axis_ticks(frame.x.low, frame.x.high, 7)) {
    absl::StrAppendFormat(&out, "<text class=\"tick\" x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%s</text>\n",
                          frame.px(tick), base + 18, format_number(tick));
  }
  absl::StrAppendFormat(&out, "<line class=\"axis\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>\n", kLeft,
                        kWidth - kRight, base, base);
  absl::StrAppendFormat(&out, "<text class=\"label\" x=\"%g\" y=\"%g\" text-anchor=\"middle\">%s</text>\n",
                        (kLeft + kWidth - kRight) / 2, kHeight - 6, html_escape(chart.x_label));
  absl::StrAppendFormat(&out,
                        "<text class=\"label\" transform=\"translate(13 %g) rotate(-90)\" "
                        "text-anchor=\"middle\">%s</text>\n",
                        (kTop + base) / 2, html_escape(chart.y_label));
  return out;
}

std::string plot(const Frame& frame, const Series& series, size_t colour, const Chart& chart) {
  std::string path;
  std::string marks;
  const bool points = series.style == Series::kPoints;
  for (size_t i = 0; i < series.x.size(); ++i) {
    const double x = frame.px(series.x[i]), y = frame.py(series.y[i]);
    absl::StrAppendFormat(&path, "%s%.1f %.1f", i == 0 ? "M" : "L", x, y);
    absl::StrAppendFormat(
        &marks,
        "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"><title>%s\n%s %s, %s %s</title></circle>",
        points ? "dot" : "hit", x, y, points ? 4 : 6, html_escape(series.label), html_escape(chart.x_label),
        format_number(series.x[i], 6), html_escape(chart.y_label), format_number(series.y[i], 6));
  }
  std::string out = absl::StrFormat("<g style=\"--c:var(--series-%d)\">", colour + 1);
  if (!points) {
    absl::StrAppendFormat(&out, "<path class=\"line%s\" d=\"%s\"/>",
                          series.style == Series::kDashed ? " dashed" : "", path);
  }
  return absl::StrCat(out, marks, "</g>\n");
}

}  // namespace

std::string html_escape(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::vector<double> axis_ticks(double low, double high, int count) {
  const double raw = (high - low) / std::max(count, 1);
  if (!(raw > 0) || !std::isfinite(raw)) return {low};
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * 0.999) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  // Multiples of the step as integers, so that 0 is 0 and 0.3 is not 0.30000000000000004 apart from the last
  // rounding.
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + step * 1e-9; ++k)
    ticks.push_back(k * step + 0.0);  // never -0
  return ticks;
}

std::string svg_chart(const Chart& chart) {
  std::vector<Series> drawn;
  std::vector<std::string> labels;
  std::vector<bool> dashed;
  Frame frame;
  size_t stretch = 1;
  for (const Series& series : chart.series) {
    drawn.push_back(thinned(series, stretch));
    for (const double x : drawn.back().x) frame.x.add(x);
    for (const double y : drawn.back().y) frame.y.add(y);
    if (std::find(labels.begin(), labels.end(), series.label) == labels.end()) labels.push_back(series.label);
  }
  frame.x.widen(0.01);
  frame.y.widen(0.05);
  std::string out = absl::StrCat("<figure><figcaption>", html_escape(chart.title), "</figcaption>\n");
  if (labels.size() > 1) {
    absl::StrAppend(&out, "<div class=\"legend\">");
    for (size_t i = 0; i < labels.size(); ++i) {
      absl::StrAppendFormat(&out, "<span><i style=\"background:var(--series-%d)\"></i>%s</span>",
                            i % kColours + 1, html_escape(labels[i]));
    }
    absl::StrAppend(&out, "</div>\n");
  }
  absl::StrAppendFormat(&out, "<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n", kWidth, kHeight,
                        html_escape(chart.title));
  absl::StrAppend(&out, axes(frame, chart));
  for (const Series& series : drawn) {
    const auto label = std::find(labels.begin(), labels.end(), series.label) - labels.begin();
    absl::StrAppend(&out, plot(frame, series, static_cast<size_t>(label) % kColours, chart));
  }
  absl::StrAppend(&out, "</svg>");
  if (stretch > 1)
    absl::StrAppend(&out, "<p class=\"note\">Each point is the mean of up to ", stretch, " values.</p>");
  return absl::StrCat(out, "</figure>\n");
}

}  // namespace roux::kit
