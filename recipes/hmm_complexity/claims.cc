#include "recipes/hmm_complexity/claims.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::hmm_complexity {
namespace {

using kit::above, kit::at_most, kit::below;
// Every curve by name, one a seed.
using Curves = std::map<std::string, std::vector<Curve>>;

constexpr double kLearnt = 0.5;         // share of what can be known of the next word, by the widest net
constexpr double kKnownOfStates = 0.9;  // the oracle's risk relative to none's, of the discrete HMM

// The nets of a kind are one curve over widths.
Curves all_curves(const Config& config, const Results& results) {
  Curves all;
  std::vector<int64_t> widths = config.widths;
  std::sort(widths.begin(), widths.end());
  for (const char* arm : {"state_space", "low_rho", "few_states", "discrete"}) {
    for (const Outcome* outcome : results.of(arm))
      for (const auto& [name, curve] : outcome->curves) all[name].push_back(curve);
  }
  for (const bool linear : {true, false}) {
    std::vector<Curve>& nets = all[linear ? "linear nets" : "tanh nets"];
    for (size_t i = 0; i < widths.size(); ++i) {
      const auto of_width = results.of(net_name(linear, widths[i]));
      for (size_t s = 0; s < of_width.size(); ++s) {
        if (i == 0)
          nets.push_back(of_width[s]->curves.at("net"));
        else
          nets[s].append(of_width[s]->curves.at("net"), 1);  // size 0 is the same for all
      }
    }
  }
  return all;
}

double mean_of(const std::vector<Curve>& curves, const std::function<double(const Curve&)>& f) {
  double total = 0;
  for (const Curve& curve : curves) total += f(curve) / static_cast<double>(curves.size());
  return total;
}

double fact(const Results& results, const std::string& arm, const std::string& name) {
  double total = 0;
  for (const Outcome* outcome : results.of(arm)) total += outcome->facts.at(name);
  return total / static_cast<double>(results.of(arm).size());
}

kit::Table curve_table(const std::string& name, const std::vector<Curve>& curves) {
  kit::Table table{absl::StrCat(name, ": risk by number of features p, mean over seeds; n = ", curves[0].n),
                   {"p", "p/n", "mean", "median", "bias^2", "variance", "theory", "ridge"},
                   {}};
  for (size_t i = 0; i < curves[0].p.size(); ++i) {
    const int64_t p = curves[0].p[i];
    std::vector<std::string> row = {
        absl::StrCat(p), absl::StrFormat("%.2f", static_cast<double>(p) / static_cast<double>(curves[0].n))};
    for (const auto field :
         {&Curve::mean, &Curve::median, &Curve::bias2, &Curve::variance, &Curve::theory, &Curve::ridge})
      row.push_back(kit::format_number(mean_of(curves, [&](const Curve& c) { return (c.*field)[i]; })));
    table.rows.push_back(std::move(row));
  }
  return table;
}

void draw(const std::string& label, const std::vector<Curve>& curves, std::vector<double> Curve::*field,
          kit::Chart& chart, kit::Series::Style style = kit::Series::kLine) {
  for (const Curve& curve : curves) {
    kit::Series series{label, {}, curve.*field, style};
    for (const int64_t p : curve.p) series.x.push_back(static_cast<double>(p) / static_cast<double>(curve.n));
    chart.series.push_back(std::move(series));
  }
}

kit::Chart chart_of(const std::string& title) {
  return {title, "p / n (features per label)", "median risk", {}, false, true};
}

double last(const Curve& c) { return c.median.back(); }
double none(const Curve& c) { return c.median[0]; }
double at(const Curve& c, int64_t p) { return c.median[c.at(p)]; }
// What claims measure of a curve.
double rise(const Curve& c) { return c.least_below() / none(c) - 1; }
double largest(const Curve& c) { return last(c) / none(c) - 1; }
double off_peak(const Curve& c) { return std::abs(c.peak() - static_cast<double>(c.n)); }
double gap(const Curve& c) { return c.gap(); }
double order(const Curve& c) { return c.rank_correlation(); }
double against_small(const Curve& c) { return last(c) / c.least_below() - 1; }
double ridge_rise(const Curve& c) { return *std::max_element(c.ridge.begin(), c.ridge.end()) / none(c) - 1; }
double ridge_peak(const Curve& c) {
  return c.ridge[c.at(c.n)] / *std::min_element(c.ridge.begin(), c.ridge.end()) - 1;
}
double over_third(const Curve& c) { return at(c, c.n) / at(c, c.n / 3) - 1; }
double over_quadruple(const Curve& c) { return at(c, c.n) / at(c, 4 * c.n) - 1; }
double behind_peak(const Curve& c) { return last(c) / at(c, 5 * c.n / 6) - 1; }

struct Stated {
  const char* text;
  const char* curve;
  double (*value)(const Curve&);
  kit::Relation relation;
  bool asserted = false;
};

// Thresholds were written before the reported seeds were run; asserted is what held on seeds 4 to 6 too.
const std::vector<Stated>& stated() {
  static const auto* all = new std::vector<Stated>{
      {"the risk rises from p = 0: least of 0 < p < n, relative to p = 0", "main", rise, above(0), true},
      {"it peaks where heads begin to interpolate: |peak - n|", "main", off_peak, at_most(2), true},
      {"it is the closed form's: |simulated / theory - 1|, median over p", "main", gap, below(0.05), true},
      {"sizes are ordered as by the closed form: Spearman's correlation", "main", order, above(0.99)},
      {"all D features beat none: risk, relative", "main", largest, below(0), true},
      {"all D features beat any 0 < p < n: risk, relative to the least", "main", against_small, below(0)},
      {"where noise dominates (8 s^2 q) all D features are worse than none", "noisy", largest, above(0)},
      {"the peak moves with n (2/3 of the labels): |peak - n|", "fewer_labels", off_peak, at_most(2)},
      {"the peak moves with n (4/3 of the labels): |peak - n|", "more_labels", off_peak, at_most(2)},
      {"decaying signal, random order: the risk rises from p = 0", "decaying", rise, above(0)},
      {"strongest first: the classical descent is back, least of 0 < p < n", "ordered", rise, below(-0.1)},
      {"half as many states as labels: no rise, least of 0 < p < n", "few_states", rise, below(-0.1)},
      {"next word as target: the risk rises from p = 0", "next_word", rise, above(0)},
      {"ridge: no rise and no peak, its highest risk against none", "main", ridge_rise, below(0.05)},
      {"risk at width n above that at n / 3, relative", "linear nets", over_third, above(0), true},
      {"risk at width n above that at 4 n, relative", "linear nets", over_quadruple, above(0), true},
      {"the risk rises from no features: least of 0 < width < n", "linear nets", rise, above(0)},
      {"the widest beats no features: risk, relative", "linear nets", largest, below(0)},
      {"ridge: no peak, its risk at n against its least", "linear nets", ridge_peak, below(0.3)},
      {"risk at width n above that at n / 3, relative", "tanh nets", over_third, above(0), true},
      {"risk at width n above that at 4 n, relative", "tanh nets", over_quadruple, above(0), true},
      {"the risk rises from no features: least of 0 < width < n", "tanh nets", rise, above(0)},
      {"the widest beats no features: risk, relative", "tanh nets", largest, below(0)},
      {"ridge: no peak, its risk at n against its least", "tanh nets", ridge_peak, below(0.3)},
      {"the risk rises from p = 0: least of 0 < p < n", "discrete", rise, above(0), true},
      {"it peaks at n: |peak - n|", "discrete", off_peak, at_most(6), true},
      {"it falls behind the peak: risk at 8 n / 3 against 5 n / 6", "discrete", behind_peak, below(0), true},
      {"the largest model beats none: risk, relative", "discrete", largest, below(0)},
      {"ridge: no rise and no peak, its highest risk against none", "discrete", ridge_rise, below(0.05)}};
  return *all;
}

// Why claims about a curve cannot be judged; empty if they can.
std::string gate(const Config& config, const Results& results, const std::string& curve) {
  if (curve == "discrete") {
    const double none = fact(results, "discrete", "none"), known = fact(results, "discrete", "oracle") / none;
    if (none == 0) return "the hidden state is always the same: there is nothing to predict";
    if (known < kKnownOfStates) return "";
    return absl::StrFormat(
        "words tell too little of the state: the oracle's risk is %.2f of none's, needed %.1f", known,
        kKnownOfStates);
  }
  if (curve != "linear nets" && curve != "tanh nets") return "";
  const int64_t n = config.net_labelled;
  for (const int64_t width : {n / 3, n, 4 * n}) {
    if (std::count(config.widths.begin(), config.widths.end(), width) == 0)
      return absl::StrCat("no net of width ", width, ": --set=widths=... with it");
  }
  const int64_t widest = *std::max_element(config.widths.begin(), config.widths.end());
  const double learnt = fact(results, net_name(curve[0] == 'l', widest), "learnt");
  if (learnt > kLearnt) return "";
  return absl::StrFormat("the widest net learnt %.2f of what can be known, needed %.1f: --set=steps=%d",
                         learnt, kLearnt, 2 * config.steps);
}

}  // namespace

void report(const Config& config, const Results& results, kit::Run& run) {
  const Curves all = all_curves(config, results);
  for (const char* name : {"main", "linear nets", "tanh nets", "discrete"})
    run.table(curve_table(name, all.at(name)));
  kit::Table summary{"All curves, mean over seeds: median risks; gap to the closed form",
                     {"curve", "n", "none", "least, 0 < p < n", "peak p", "largest p", "its risk", "gap"},
                     {}};
  for (const auto& [name, curves] : all) {
    std::vector<std::string> row = {name, absl::StrCat(curves[0].n)};
    for (const auto& f : std::vector<std::function<double(const Curve&)>>{
             none, &Curve::least_below, &Curve::peak,
             [](const Curve& c) { return static_cast<double>(c.p.back()); }, last, gap})
      row.push_back(kit::format_number(mean_of(curves, f)));
    summary.rows.push_back(std::move(row));
  }
  run.table(summary);
  kit::Table nets{"Nets: share learnt of what can be known of the next word; effective rank of the states",
                  {"width", "linear: learnt", "rank", "tanh: learnt", "rank"},
                  {}};
  for (const int64_t width : config.widths) {
    std::vector<std::string> row = {absl::StrCat(width)};
    for (const bool linear : {true, false}) {
      for (const char* name : {"learnt", "rank"})
        row.push_back(kit::format_number(fact(results, net_name(linear, width), name), 3));
    }
    nets.rows.push_back(std::move(row));
  }
  run.table(nets);
  kit::Chart oracle = chart_of("Oracle features of a linear-Gaussian HMM"),
             learnt = chart_of("Other features");
  draw("least norm", all.at("main"), &Curve::median, oracle);
  draw("closed form", all.at("main"), &Curve::theory, oracle, kit::Series::kDashed);
  draw("ridge", all.at("main"), &Curve::ridge, oracle);
  draw("strongest first", all.at("ordered"), &Curve::median, oracle);
  for (const char* name : {"linear nets", "tanh nets", "discrete"})
    draw(name, all.at(name), &Curve::median, learnt);
  draw("tanh nets, ridge", all.at("tanh nets"), &Curve::ridge, learnt);
  run.chart(oracle), run.chart(learnt);
}

absl::Status judge(const Config& config, const Results& results, kit::Run& run) {
  const Curves all = all_curves(config, results);
  kit::ClaimList claims(run.seeds(), "");
  for (const Stated& claim : stated()) {
    const std::vector<Curve>& curves = all.at(claim.curve);
    claims
        .add(absl::StrCat(claim.curve, ": ", claim.text), [&](size_t s) { return claim.value(curves[s]); },
             claim.relation, {.asserted = claim.asserted, .not_testable = gate(config, results, claim.curve)})
        .scale = absl::StrCat("n ", curves[0].n, ", p up to ", curves[0].p.back());
  }
  claims.add(
      "the closed form holds in every other world: the largest of their median gaps",
      [&](size_t s) {
        double worst = 0;
        for (const auto& [name, curves] : all) {
          if (name != "main") worst = std::fmax(worst, curves[s].gap());  // NaN: no closed form
        }
        return worst;
      },
      below(0.05));
  return run.claim_all(claims.all());
}

absl::Status judge_real(const Config& config, const absl::StatusOr<RealFeatures>& features, kit::Run& run) {
  kit::Chart chart = chart_of("Last-token states of a real model");
  for (const char* target : {"valence", "length"}) {
    SplitCurve split;
    if (features.ok()) {
      split = split_curve(config, *features, target, run.seeds()[0]);
      run.table(curve_table(absl::StrCat("real model, ", target), {split.curve}));
      draw(target, {split.curve}, &Curve::median, chart);
      draw(absl::StrCat(target, ", ridge"), {split.curve}, &Curve::ridge, chart);
    }
    const auto claim = [&](const std::string& text, int64_t a, int64_t b, const kit::Relation& relation) {
      kit::Claim made{.text = absl::StrCat("real model, ", target, " of a text: squared error, ", text)};
      made.relation = relation,
      made.scale = absl::StrFormat("n %d, %d splits", config.text_labelled, config.splits);
      if (!features.ok()) {
        made.not_testable = std::string(features.status().message());
      } else {
        const auto errors = [&](int64_t p) { return split.of_text[split.curve.at(p)]; };
        made.measured = kit::paired_items(errors(a), errors(b), {.unit = "text"});
      }
      return run.claim(made);
    };
    const int64_t n = config.text_labelled, D = features.ok() ? features->size : 0;
    ROUX_RETURN_IF_ERROR(claim("at p = n, minus with all features", n, D, above(0)));
    ROUX_RETURN_IF_ERROR(claim("at p = n / 3, minus without features", n / 3, 0, above(0)));
    ROUX_RETURN_IF_ERROR(claim("with all features, minus without", D, 0, below(0)));
  }
  if (features.ok()) run.chart(chart);
  return absl::OkStatus();
}

}  // namespace roux::hmm_complexity
