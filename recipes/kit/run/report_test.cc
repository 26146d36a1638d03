// Reports: axes, the mean and band of an arm, what the page holds, and that its colours can be told apart.
#include "recipes/kit/run/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/arm_curves.h"
#include "recipes/kit/run/chart_axis.h"
#include "recipes/kit/run/metric_charts.h"
#include "recipes/kit/run/report_style.h"
#include "recipes/kit/run/svg_chart.h"

namespace roux::kit {
namespace {

using Values = std::vector<double>;

size_t count_of(const std::string& text, const std::string& what) {
  return std::vector<std::string>(absl::StrSplit(text, what)).size() - 1;
}

TEST(ChartAxisTest, LinearTicksAreRoundAndReachBothEnds) {
  EXPECT_EQ(make_axis(0, 10, false, 5).ticks, (Values{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(make_axis(1, 600, false, 6).ticks, (Values{0, 100, 200, 300, 400, 500, 600}));
  EXPECT_EQ(make_axis(2.61, 5.7, false, 5).ticks, (Values{2, 3, 4, 5, 6}));
  EXPECT_EQ(make_axis(-0.05, 3, false, 5).ticks.back(), 3);
  EXPECT_FALSE(std::signbit(make_axis(-0.9, 3, false, 5).ticks[1]));
  for (const double low : {-1e5, -0.3, 0.0, 1e-9, 0.1, 17.0, 2.5e6}) {
    for (const double width : {0.003, 1.0, 7.7, 12345.0}) {
      const ChartAxis axis = make_axis(low, low + width, false, 5);
      SCOPED_TRACE(absl::StrCat(low, " + ", width));
      EXPECT_LE(axis.low, low + 1e-6 * width);
      EXPECT_GE(axis.high, low + width - 1e-6 * width);
      EXPECT_EQ(axis.ticks.front(), axis.low);
      EXPECT_EQ(axis.ticks.back(), axis.high);
      EXPECT_GE(axis.ticks.size(), 4u);
      EXPECT_LE(axis.ticks.size(), 7u);
    }
  }
}

TEST(ChartAxisTest, LogarithmicTicksReachBothEnds) {
  EXPECT_EQ(make_axis(3, 60, true, 5).ticks, (Values{2, 5, 10, 20, 50, 100}));
  EXPECT_EQ(make_axis(0.001, 10000, true, 7).ticks, (Values{1e-3, 1e-2, 1e-1, 1, 10, 100, 1000, 10000}));
  EXPECT_EQ(make_axis(1, 1e12, true, 4).ticks, (Values{1, 1e3, 1e6, 1e9, 1e12}));
  EXPECT_EQ(make_axis(20, 20, true, 5).ticks, (Values{10, 20, 50}));
  const ChartAxis axis = make_axis(1, 1e4, true, 5);
  EXPECT_DOUBLE_EQ(axis.place(100), 0.5);
  EXPECT_DOUBLE_EQ(axis.place(axis.high), 1);
  EXPECT_FALSE(make_axis(0, 10, true, 5).log);
}

TEST(ChartAxisTest, OddRangesStillMakeAnAxis) {
  EXPECT_NEAR(make_axis(3, 3, false, 5).place(3), 0.5, 1e-9);
  EXPECT_NEAR(make_axis(0, 0, false, 5).place(0), 0.5, 1e-9);
  const ChartAxis none =
      make_axis(std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), true, 5);
  EXPECT_EQ(none.low, 0);
  EXPECT_EQ(none.high, 1);
  const double next = std::nextafter(1.0, 2.0);
  EXPECT_EQ(make_axis(1, next, false, 5).ticks, (Values{1, next}));
}

TEST(ChartAxisTest, TicksAreShort) {
  EXPECT_EQ(tick_text(0), "0");
  EXPECT_EQ(tick_text(0.25), "0.25");
  EXPECT_EQ(tick_text(9000), "9000");
  EXPECT_EQ(tick_text(20000), "20k");
  EXPECT_EQ(tick_text(-1.5e6), "-1.5M");
  EXPECT_EQ(tick_text(1e-5), "1e-5");
  EXPECT_EQ(tick_text(5e13), "5e13");
}

TEST(ArmCurvesTest, SeedsAreTheirMeanAndRange) {
  const ArmCurves drawn = arm_curves({{"a", {1, 2, 3}, {1, 2, 3}},
                                      {"b", {1}, {9}},
                                      {"a", {1, 2, 3}, {3, 2, 7}},
                                      {"a", {1, 2, 3}, {2, 8, std::nan("")}}},
                                     false, false, 300);
  ASSERT_EQ(drawn.curves.size(), 2u);
  const ArmCurve& a = drawn.curves[0];
  EXPECT_EQ(a.seeds, 3);
  EXPECT_EQ(a.x, (Values{1, 2, 3}));
  EXPECT_EQ(a.mean, (Values{2, 4, 5}));  // the seed without a third value does not count there
  EXPECT_EQ(a.low, (Values{1, 2, 3}));
  EXPECT_EQ(a.high, (Values{3, 8, 7}));
  EXPECT_EQ(drawn.curves[1].seeds, 1);
}

TEST(ArmCurvesTest, SeedsAtOtherStepsCountBetweenTheirPoints) {
  const ArmCurves drawn =
      arm_curves({{"a", {0, 10}, {0, 10}}, {"a", {4, 6, 20}, {0, 0, 0}}}, false, false, 300);
  const ArmCurve& a = drawn.curves[0];
  EXPECT_EQ(a.x, (Values{0, 4, 6, 10, 20}));
  EXPECT_EQ(a.mean, (Values{0, 2, 3, 5, 0}));
  EXPECT_EQ(a.high, (Values{0, 4, 6, 10, 0}));
}

TEST(ArmCurvesTest, ScatteredPointsOfOneSeriesStay) {
  const Series scatter{"a", {2, 1, 2}, {5, 6, 7}, Series::kPoints};
  const ArmCurve alone = arm_curves({scatter}, false, false, 300).curves[0];
  EXPECT_EQ(alone.x, scatter.x);
  EXPECT_EQ(alone.mean, scatter.y);
  const ArmCurve both = arm_curves({scatter, {"a", {1}, {8}, Series::kPoints}}, false, false, 300).curves[0];
  EXPECT_EQ(both.x, (Values{1, 2}));
  EXPECT_EQ(both.mean, (Values{7, 6}));
  EXPECT_EQ(both.low, (Values{6, 5}));
}

TEST(ArmCurvesTest, LongCurvesAreThinnedAndLogarithmsOmitWhatHasNone) {
  Series series{"a", {}, {}};
  for (int i = 0; i < 1000; ++i) series.x.push_back(i), series.y.push_back(2 * i);
  ArmCurves drawn = arm_curves({series}, false, false, 300);
  EXPECT_EQ(drawn.stretch, 4u);
  EXPECT_EQ(drawn.curves[0].x[1], 5.5);
  EXPECT_EQ(drawn.curves[0].mean[1], 11);
  drawn = arm_curves({series}, true, true, 5000);
  EXPECT_EQ(drawn.omitted, 1u);
  EXPECT_EQ(drawn.curves[0].x.front(), 1);
  EXPECT_TRUE(arm_curves({}, true, true, 5).curves.empty());
}

TEST(SvgChart, SeedsAreOneLineWithABandThatTheLegendExplains) {
  Chart chart{"t", "step", "loss (nats)", {}};
  for (int seed = 0; seed < 5; ++seed) {
    Series series{"arm <a>", {}, {}, Series::kLine};
    for (int i = 0; i < 5000; ++i)
      series.x.push_back(i), series.y.push_back(i % 7 == 0 ? std::nan("") : i + seed);
    chart.series.push_back(series);
  }
  chart.series.push_back({"b", {1, 2}, {3, 4}, Series::kPoints});
  const std::string svg = svg_chart(chart);
  EXPECT_FALSE(absl::StrContains(svg, "nan"));
  EXPECT_FALSE(absl::StrContains(svg, "<a>"));
  EXPECT_EQ(count_of(svg, "class=\"key\""), 2u);
  EXPECT_EQ(count_of(svg, "class=\"band\""), 1u);
  EXPECT_EQ(count_of(svg, "class=\"line\""), 2u);  // in the legend and in the plot
  EXPECT_TRUE(absl::StrContains(svg, "line: mean of 5 seeds; band: smallest to largest seed"));
  EXPECT_TRUE(absl::StrContains(svg, "mean of up to 15 values"));
  EXPECT_LT(svg.size(), 30000u);
  EXPECT_TRUE(absl::StrContains(svg_chart({"empty", "x", "y", {}}), "<svg"));
  EXPECT_FALSE(absl::StrContains(svg_chart({"one", "x", "y", {{"", {1, 2}, {1, 2}}}}), "legend"));
}

// A turned name of 45 letters is longer than the plot is high: its ends were cut off.
TEST(SvgChart, NamesOfAxesThatHaveNoRoomStandOutsideOfThePlot) {
  const std::string y = "D0 loss minus that of D0 only (nats per byte)",
                    x = "steps of the update, counted from the end of the first of both phases";
  const std::string wide = svg_chart({"t", x, y, {{"", {1, 2}, {1, 2}}}});
  EXPECT_EQ(count_of(wide, "class=\"label\""), 0u);
  EXPECT_TRUE(absl::StrContains(wide, absl::StrCat("<p class=\"note\">", y, ":</p>\n<svg")));
  EXPECT_TRUE(absl::StrContains(wide, absl::StrCat("Across: ", x, ".</p>")));
  const std::string narrow = svg_chart({"t", "step", "loss (nats per byte)", {{"", {1, 2}, {1, 2}}}});
  EXPECT_EQ(count_of(narrow, "class=\"label\""), 2u);
  EXPECT_FALSE(absl::StrContains(narrow, "class=\"note\""));
}

TEST(SvgChart, PointsOfSeveralArmsAreHollowAndOfDifferentShape) {
  const std::string svg =
      svg_chart({"t", "x", "y", {{"a", {1}, {2}, Series::kPoints}, {"b", {1}, {2}, Series::kPoints}}});
  EXPECT_EQ(count_of(svg, "class=\"mark\""), 4u);
  EXPECT_TRUE(absl::StrContains(kReportStyle, ".mark{fill:none"));
  const std::vector<std::string> marks = absl::StrSplit(svg, "class=\"mark\" d=\"");
  EXPECT_NE(marks[3].substr(0, marks[3].find('"')), marks[4].substr(0, marks[4].find('"')));
}

TEST(SvgChart, LogarithmicAxesEndOnTicksAndSayWhatTheyOmit) {
  const std::string svg = svg_chart({.title = "t",
                                     .x_label = "step",
                                     .y_label = "y",
                                     .series = {{"a", {0, 1, 10, 100}, {1, 1, 2, 3}}},
                                     .log_x = true});
  EXPECT_TRUE(absl::StrContains(svg, ">1</text>"));
  EXPECT_TRUE(absl::StrContains(svg, ">100</text>"));
  EXPECT_TRUE(absl::StrContains(svg, "1 values that are not positive are not shown"));
}

// Every number of coordinates and text fits the picture; a glyph of the sheet's 13 units is at most 8 wide.
TEST(SvgChart, NothingRunsOutOfThePicture) {
  for (const double scale : {1e-6, 1.0, 123456.0, 1e15}) {
    const std::string svg =
        svg_chart({"t", "step", "y", {{"a", {1, 2e5 * scale}, {-1 * scale, 17 * scale}}}});
    const std::vector<std::string> texts = absl::StrSplit(svg, "<text class=\"tick\" x=\"");
    ASSERT_GT(texts.size(), 8u);
    for (size_t i = 1; i < texts.size(); ++i) {
      double x = 0;
      ASSERT_TRUE(absl::SimpleAtod(texts[i].substr(0, texts[i].find('"')), &x));
      const size_t begin = texts[i].find('>') + 1;
      const double width = 7.4 * static_cast<double>(texts[i].find('<') - begin);
      const bool end = absl::StrContains(texts[i].substr(0, begin), "\"end\"");
      EXPECT_GE(x - (end ? width : width / 2), 18) << texts[i];
      EXPECT_LE(x + (end ? 0 : width / 2), 440) << texts[i];
    }
  }
}

TEST(MetricCharts, ArmsOfTheLogAreTheSeries) {
  const std::string metrics =
      "{\"part\":\"cosine/seed1\",\"step\":1,\"lr\":1,\"loss\":2.5}\n"
      "{\"part\":\"cosine/seed2\",\"step\":1,\"loss\":2.6}\n"
      "not json\n{\"kind\":\"x\",\"step\":3,\"gap\":1}\n{\"step\":4,\"gap\":null}\n"
      "{\"part\":\"cosine/seed1\",\"split\":\"test\",\"step\":1,\"loss\":2.7}\n";
  const std::vector<Chart> charts = metric_charts(metrics, {{"loss", "loss (nats)"}});
  ASSERT_EQ(charts.size(), 3u);
  EXPECT_EQ(charts[0].title, "loss (nats)");
  ASSERT_EQ(charts[0].series.size(), 3u);
  EXPECT_EQ(charts[0].series[1].label, "cosine");
  EXPECT_EQ(charts[0].series[2].label, "cosine, test");  // another split is not another seed
  EXPECT_EQ(charts[1].title, "learning rate");
  EXPECT_EQ(charts[2].series[0].label, "x");
  EXPECT_EQ(metric_name("wait_ms", {}), "wait (ms)");
  EXPECT_EQ(metric_name("seconds", {}), "seconds");
  EXPECT_EQ(metric_name("validation_loss", {}), "validation loss");
}

TEST(MetricCharts, StepsSpreadOverDecadesAreOnALogarithmicAxis) {
  std::string even, decades;
  for (int i = 1; i <= 1000; ++i) absl::StrAppend(&even, "{\"step\":", i, ",\"y\":1}\n");
  for (const int step : {0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}) {
    absl::StrAppend(&decades, "{\"step\":", step, ",\"y\":1}\n");
  }
  EXPECT_FALSE(metric_charts(even)[0].log_x);
  EXPECT_TRUE(metric_charts(decades)[0].log_x);
}

TEST(MetricCharts, TimingsAreThroughputAndMemory) {
  const std::vector<Chart> charts = timing_charts(
      "{\"part\":\"a/seed1\",\"step\":1,\"ms\":10,\"tokens_per_second\":50,\"memory_mib\":7}\n"
      "{\"part\":\"a/seed1\",\"step\":2,\"ms\":10,\"tokens_per_second\":60,\"memory_mib\":8}\n"
      "{\"part\":\"a/seed1\",\"step\":2,\"ms\":10,\"tokens_per_second\":70,\"memory_mib\":9}\n"
      "{\"part\":\"b/seed1\",\"step\":1,\"ms\":4}\n{\"part\":\"b/s");
  ASSERT_EQ(charts.size(), 3u);
  EXPECT_EQ(charts[0].y_label, "throughput (tok/s)");
  EXPECT_EQ(charts[0].series[0].y, (Values{50, 70}));
  EXPECT_EQ(charts[1].y_label, "peak memory so far (MiB)");
  EXPECT_EQ(charts[1].series[0].y, (Values{7, 9}));
  EXPECT_EQ(charts[2].y_label, "throughput (steps/s)");
  EXPECT_EQ(charts[2].series[0].y, Values{250});
}

TEST(ReportPage, HoldsEverythingWithoutNetworkOrScript) {
  Report report;
  report.metrics = "{\"part\":\"a/seed1\",\"step\":1,\"loss\":2.5}\n";
  report.timings = "{\"part\":\"a/seed1\",\"step\":1,\"ms\":2,\"memory_mib\":5}\n";
  report.config = "not json";
  const std::string page = report_html(report);
  EXPECT_TRUE(absl::StrContains(page, "</html>"));
  EXPECT_TRUE(absl::StrContains(page, "Speed and memory"));
  EXPECT_FALSE(absl::StrContains(page, "Partial report"));
  EXPECT_TRUE(absl::StrContains(page, "This run made no claims"));
  EXPECT_FALSE(absl::StrContains(page, "http://") || absl::StrContains(page, "https://"));
  EXPECT_FALSE(absl::StrContains(page, "<script"));
  report.partial = "interrupted at <noon>";
  EXPECT_TRUE(absl::StrContains(report_html(report), "Partial report.</b> interrupted at &lt;noon&gt;"));
  EXPECT_TRUE(absl::StrContains(report_html(report), "judged when the run has ended"));
}

// Threads may finish their steps in another order than the log has them; an arm keeps its colour.
TEST(ReportPage, ArmsHaveOneColourInAllCharts) {
  Report report;
  report.metrics =
      "{\"part\":\"z/seed1\",\"step\":1,\"loss\":2}\n{\"part\":\"a/seed1\",\"step\":1,\"loss\":2}\n";
  report.timings = "{\"part\":\"a/seed1\",\"step\":1,\"ms\":2}\n{\"part\":\"z/seed1\",\"step\":1,\"ms\":2}\n";
  const std::string page = report_html(report);
  EXPECT_EQ(count_of(page, "--series-1)\"><path class=\"line\" d=\"M1 6H23\"/></svg>z</span>"), 2u);
}

TEST(ReportPage, TextIsEscapedEverywhere) {
  const std::string evil = "<b>\"x\" & 'y'</b>";
  Report report;
  report.claims = {{.text = evil,
                    .measured = single(1),
                    .relation = above(0),
                    .scale = evil,
                    .evidence = Evidence::kExact}};
  report.charts = {{evil, evil, evil, {{evil, {1}, {1}}, {evil + "2", {1}, {1}, Series::kPoints}}}};
  report.tables = {{evil, {evil}, {{evil}}}};
  report.partial = evil;
  report.config =
      R"({"title":"<b>\"x\" & 'y'</b>","recipe":"<b>\"x\" & 'y'</b>","settings":{"<b>k":"<b>v"}})";
  report.metrics = R"({"part":"<b>\"x\" & 'y'</b>","step":1,"<b>m":2})";
  const std::string page = report_html(report);
  EXPECT_EQ(count_of(page, "<b>"), 5u);  // four tiles and the word "Partial report"
  EXPECT_FALSE(absl::StrContains(page, "'y'"));
  EXPECT_FALSE(absl::StrContains(page, "\"x\""));
}

// A rule of one table must not reach the others: none selects cells by their position.
TEST(ReportPage, TablesOfManyColumnsAreSetCloser) {
  for (const size_t columns : {size_t{8}, size_t{9}}) {
    const std::vector<std::string> cells(columns, "0.25");
    const std::string html = html_table({"T", cells, {cells}});
    EXPECT_EQ(absl::StrContains(html, "<table class=\"wide\">"), columns == 9) << html;
  }
}

TEST(ReportPage, TablesOfNumbersAndTextsAreLaidOutByWhatTheyHold) {
  EXPECT_FALSE(absl::StrContains(kReportStyle, "nth-child"));
  const std::string table =
      html_table({"T", {"name", "n", "text"}, {{"a", "1", std::string(40, 'x')}, {"b", "-", "short"}}});
  EXPECT_TRUE(absl::StrContains(table, "<th class=\"n\">n</th><th class=\"t\">text</th>")) << table;
  EXPECT_TRUE(absl::StrContains(table, "<td>a</td><td class=\"n\">1</td><td class=\"t\">xxx")) << table;
}

// Colour vision: sRGB -> linear, Machado, Oliveira and Fernandes (2009, table 1, severity 1), OKLab distances
// (Ottosson 2020).
using Colour = std::array<double, 3>;

double linear(double value) {
  return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
}

Colour colour_at(const std::string& css, const std::string& name, size_t from) {
  const size_t at = css.find(name + ":#", from) + name.size() + 2;
  Colour colour{};
  for (size_t i = 0; i < 3; ++i) {
    uint32_t value = 0;
    EXPECT_TRUE(absl::SimpleHexAtoi(css.substr(at + 2 * i, 2), &value)) << name;
    colour[i] = linear(value / 255.0);
  }
  return colour;
}

double contrast(const Colour& a, const Colour& b) {
  const auto luminance = [](const Colour& c) { return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] + 0.05; };
  return std::max(luminance(a), luminance(b)) / std::min(luminance(a), luminance(b));
}

using Matrix = std::array<Colour, 3>;

Colour times(const Matrix& matrix, const Colour& v) {
  Colour out{};
  for (size_t i = 0; i < 3; ++i) out[i] = matrix[i][0] * v[0] + matrix[i][1] * v[1] + matrix[i][2] * v[2];
  return out;
}

Colour seen_by(const Matrix& eye, const Colour& rgb) {
  Colour out = times(eye, rgb);
  for (double& value : out) value = std::clamp(value, 0.0, 1.0);
  return out;
}

Colour oklab(const Colour& rgb) {
  Colour lms = times({{{0.4122214708, 0.5363325363, 0.0514459929},
                       {0.2119034982, 0.6806995451, 0.1073969566},
                       {0.0883024619, 0.2817188376, 0.6299787005}}},
                     rgb);
  for (double& value : lms) value = std::cbrt(std::max(value, 0.0));
  return times({{{0.2104542553, 0.7936177850, -0.0040720468},
                 {1.9779984951, -2.4285922050, 0.4505937099},
                 {0.0259040371, 0.7827717662, -0.8086757660}}},
               lms);
}

TEST(ReportPage, SeriesColoursCanBeToldApartByEveryEye) {
  const std::string css = kReportStyle;
  const std::pair<const char*, Matrix> kEyes[] = {
      {"all", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}},
      {"no red",
       {{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}}},
      {"no green",
       {{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}}},
      {"no blue",
       {{{1.255528, -0.076749, -0.178779},
         {-0.078411, 0.930809, 0.147602},
         {0.004733, 0.691367, 0.303900}}}}};
  for (const size_t scheme : {size_t{0}, css.find("prefers-color-scheme:dark")}) {
    const Colour card = colour_at(css, "--card", scheme);
    for (int i = 1; i <= 8; ++i) {
      const Colour first = colour_at(css, absl::StrCat("--series-", i), scheme);
      EXPECT_GE(contrast(first, card), 3) << i << " at " << scheme;
      for (int j = 1; j < i; ++j) {
        const Colour second = colour_at(css, absl::StrCat("--series-", j), scheme);
        for (const auto& eye : kEyes) {
          const Colour a = oklab(seen_by(eye.second, first)), b = oklab(seen_by(eye.second, second));
          EXPECT_GE(std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]), 0.12)
              << "colours " << i << " and " << j << " at " << scheme << " for an eye that sees " << eye.first;
        }
      }
    }
  }
}

}  // namespace
}  // namespace roux::kit
