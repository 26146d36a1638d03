#include "recipes/icl_uncertainty/claims.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::icl_uncertainty {
namespace {

using kit::format_number;
using kit::SeedValues;
using kit::Series;

// Below: equal to Bayes, in nats of negative log-density a label. Half of what ridge, the best without a
// prior, is above it from d + 4 pairs on (400,000 prompts: 0.124).
constexpr double kEqual = 0.06;

// Positions by how many pairs were seen: from .. to - 1.
struct Window {
  int64_t from, to;
};

double mean_over(const std::vector<double>& curve, const Window& w) {
  return std::accumulate(curve.begin() + w.from, curve.begin() + w.to, 0.0) /
         static_cast<double>(w.to - w.from);
}

double mean_of(const SeedValues& values) {
  return mean_over(values, {0, static_cast<int64_t>(values.size())});
}

SeedValues times(SeedValues values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

SeedValues ratio(SeedValues a, const SeedValues& b) {
  for (size_t s = 0; s < a.size(); ++s) a[s] /= b[s];
  return a;
}

// Mean over prompts whose sigma is the smaller one of ln(predicted / true sigma).
std::vector<double> low_ratio(const Domain& domain, const std::string& reference, double sigma_low) {
  std::vector<double> values;
  const auto length = static_cast<size_t>(domain.prompts.length);
  const std::vector<Gaussian>& predicted = domain.reference(reference);
  for (size_t i = 0; i < predicted.size(); ++i)
    if (domain.sigma[i / length] == sigma_low)
      values.push_back(0.5 * std::log(predicted[i].variance) - std::log(sigma_low));
  return kit::mean_by_position(values, domain.prompts.length);
}

class Measures {
 public:
  Measures(const Config& config, const Domains& domains, const Results& results)
      : config_(config), domains_(domains), results_(results) {}

  const Domain& domain(const std::string& group, const std::string& name) const {
    for (const Domain& domain : domains_.at(group))
      if (domain.name == name) return domain;
    throw Error(absl::StrCat("no domain ", group, "/", name));
  }
  SeedValues curve(const std::string& arm, const std::string& name, const Window& w) const {
    return values(arm, [&](const Outcome& o) { return mean_over(o.curves.at(name), w); });
  }
  SeedValues number(const std::string& arm, const std::string& name) const {
    return values(arm, [&](const Outcome& o) { return o.numbers.at(name); });
  }
  // Nats a label above the domain's first reference, or another one.
  SeedValues excess(const std::string& arm, const std::string& group, const std::string& name,
                    const Window& w, std::string reference = "") const {
    const Domain& on = domain(group, name);
    if (reference.empty()) reference = on.references[0].first;
    SeedValues values = curve(arm, name + "/nll", w);
    for (double& value : values) value -= mean_over(on.nll_by_position(reference), w);
    return values;
  }
  // The same of a reference.
  double excess_of(const std::string& reference, const Domain& on, const Window& w) const {
    return mean_over(on.nll_by_position(reference), w) -
           mean_over(on.nll_by_position(on.references[0].first), w);
  }
  // Root mean square of the differences of mean and ln sigma from those of a reference (ours).
  SeedValues distance(const std::string& arm, const std::string& name, const std::string& reference,
                      const Window& w) const {
    const std::string key = absl::StrCat(name, "/", reference);
    return values(arm, [&](const Outcome& o) {
      return std::sqrt(mean_over(o.curves.at(key + "/mean2"), w) +
                       mean_over(o.curves.at(key + "/sigma2"), w));
    });
  }
  // Where the smaller sigma is true and the larger one would be remembered: 0 is the truth, 1 the memory.
  SeedValues memory(const std::string& arm, const Window& w) const {
    return times(curve(arm, "exchanged/low_ratio", w), 1 / log_ratio());
  }
  double log_ratio() const { return std::log(config_.sigma_high / config_.sigma_low); }

  Window late() const { return {config_.dimension, config_.pairs}; }         // where the pairs determine w
  Window settled() const { return {config_.dimension + 4, config_.pairs}; }  // where 1 / s^2 has a mean
  Window last() const { return {config_.pairs - 1, config_.pairs}; }

 private:
  // NaN for an arm that was not trained.
  template <class F>
  SeedValues values(const std::string& arm, F f) const {
    if (config_.trains(arm)) return results_.values(arm, f);
    return SeedValues(results_.of(config_.arms[0]).size(), std::numeric_limits<double>::quiet_NaN());
  }

  const Config& config_;
  const Domains& domains_;
  const Results& results_;
};

class Judge {
 public:
  Judge(const Config& config, const Domains& domains, const Results& results, const std::string& scale,
        const std::vector<uint64_t>& seeds)
      : m_(config, domains, results), c_(config), claims_(seeds, scale) {}

  const std::vector<kit::Claim>& claims() {
    in_distribution();
    pools();
    tied();
    shifts();
    inputs_and_length();
    claims_.untested("at fixed n the excess risk falls with the length T: slope of its logarithm in ln T",
                     kit::at_most(-0.5),
                     "models of few prompts read again and again overfit without bound at this size; it "
                     "takes the paper's training sets");
    return claims_.all();
  }

 private:
  void add(const std::string& text, const SeedValues& values, const kit::Relation& relation,
           const kit::ClaimOptions& options = {}) {
    if (!std::isnan(values[0])) return void(claims_.add(text, values, relation, options));
    claims_.untested(text, relation,
                     "not all of its arms were trained; "
                     "--arms=icl,no_positions,mean_only,scales,pool_few,pool_many,tied");
  }

  // Empty, or why nothing may be said of what the arm does elsewhere: it is not Bayes where it was trained.
  std::string not_bayes(const std::string& arm, const std::string& group, const std::string& name) const {
    const double excess = mean_of(m_.excess(arm, group, name, m_.late()));
    return excess < kEqual ? ""
                           : absl::StrCat(arm, " is ", format_number(excess, 2),
                                          " nats above Bayes on its own law, needed below ", kEqual,
                                          "; --set steps=N trains it longer");
  }

  void in_distribution() {
    const Domain& same = m_.domain("free", "same");
    add("in distribution the pair is Bayes': excess NLL from d pairs on (nats a label)",
        m_.excess("icl", "free", "same", m_.late()), kit::below(kEqual));
    double best = 1e9;
    for (const char* reference : {"ols", "ridge", "ridge_cv"})
      best = std::min(best, m_.excess_of(reference, same, m_.settled()));
    add("the prior is used: excess NLL from d + 4 pairs on, as a share of that of the best of OLS, ridge and "
        "cross-validated ridge",
        times(m_.excess("icl", "free", "same", m_.settled()), 1 / best), kit::below(0.5));
    const auto of = [&](auto measure, const char* reference) {
      return format_number(measure(same, same.reference(reference)), 3);
    };
    add(absl::StrCat(
            "sigma follows Bayes': correlation of logarithms at the last position (that of OLS, which "
            "has no prior, is ",
            of(sigma_correlation, "ols"), ", of ridge ", of(sigma_correlation, "ridge"), ")"),
        m_.number("icl", "correlation"), kit::above(0.85), {.bounds = {-1, 1}});
    add(absl::StrCat("the intervals mean +- 1.96 sigma hold 95 % of the labels: share (of Bayes' own ",
                     of(coverage, "bayes"), ")"),
        m_.number("icl", "coverage"), kit::within(0.93, 0.97), {.asserted = true, .bounds = {0, 1}});
    add("the second output costs the mean nothing: mean squared distance to Bayes' mean as a share of the "
        "variance of w . x, difference to training for the mean alone",
        times(kit::minus(m_.curve("icl", "same/bayes/mean2", m_.late()),
                         m_.curve("mean_only", "same/bayes/mean2", m_.late())),
              1 / static_cast<double>(c_.dimension)),
        kit::at_most(0.01));
  }

  void pools() {
    const std::string few = not_bayes("pool_few", "few", "pool");
    add("few tasks are remembered: on exchanged prompts, distance of the pair from the posterior over the "
        "pool minus that from Bayes under the law the pool was drawn from, at the last position",
        kit::minus(m_.distance("pool_few", "exchanged", "memory", m_.last()),
                   m_.distance("pool_few", "exchanged", "prior", m_.last())),
        kit::below(0), {.not_testable = few});
    // Whether memory can be told at all: tasks of the pool that are alike in w may have either sigma.
    const double told =
        low_ratio(m_.domain("few", "exchanged"), "memory", c_.sigma_low).back() / m_.log_ratio();
    std::string blurred;
    if (told <= 0.5) {
      blurred =
          absl::StrCat("the posterior over the pool itself gives ", format_number(told, 2),
                       ": other tasks of the pool are near; --set dimension=N draws them farther apart");
    }
    const SeedValues of_few = m_.memory("pool_few", m_.last()), of_many = m_.memory("pool_many", m_.last());
    const std::string many = blurred.empty() ? not_bayes("pool_many", "many", "pool") : blurred;
    add("few tasks: on exchanged prompts whose sigma is the smaller, ln(sigma / true) over ln(remembered / "
        "true) at the last position",
        of_few, kit::above(0.5), {.not_testable = blurred.empty() ? few : blurred});
    add("many tasks are not remembered: the same", of_many, kit::below(0.5), {.not_testable = many});
    const auto error = [&](const char* arm) { return m_.curve(arm, "exchanged/mean_error", m_.last()); };
    add("sigma shows the switch more than the mean: drop of that share from few to many tasks, minus the "
        "drop of the mean's squared error as a share of the variance of w . x",
        kit::minus(kit::minus(of_few, of_many), times(kit::minus(error("pool_few"), error("pool_many")),
                                                      1 / static_cast<double>(c_.dimension))),
        kit::above(0), {.not_testable = many});
    add("few tasks do not generalise: excess NLL over Bayes on new tasks, difference to many (nats a label)",
        kit::minus(m_.excess("pool_few", "few", "new", m_.late()),
                   m_.excess("pool_many", "many", "new", m_.late())),
        kit::above(kEqual), {.not_testable = few});
  }

  void tied() {
    const std::string why = not_bayes("tied", "tied", "kept");
    const SeedValues far = m_.distance("tied", "exchanged", "tied", m_.last());
    add("under task shift it is not Bayes of the training prior: distance of the pair from it on exchanged "
        "tasks, over that on kept ones, at the last position",
        ratio(far, m_.distance("tied", "kept", "tied", m_.last())), kit::at_least(2), {.not_testable = why});
    add("there it is nearer to Bayes that does not know of the tie: distance from Bayes (tied) minus that "
        "from Bayes (untied)",
        kit::minus(far, m_.distance("tied", "exchanged", "untied", m_.last())), kit::above(0),
        {.not_testable = why});
    add("there sigma is nearer to the truth than to the tie's: ln(sigma / true) over ln(tie's / true) where "
        "the smaller is true",
        m_.memory("tied", m_.last()), kit::below(0.5), {.not_testable = why});
  }

  void shifts() {
    std::vector<std::pair<std::string, std::string>> all = {{"sigma_0.1", "all sigma 0.1, w ~ N(0, I)"},
                                                            {"sigma_4", "all sigma 4, w ~ N(0, I)"}};
    if (c_.prior == "discrete") all.push_back({"w_3", "w three times as large"});
    for (const auto& [name, what] : all) {
      add(absl::StrCat(what,
                       ": it is not Bayes of the training prior: distance of the pair from it, over that in "
                       "distribution, from d + 4 pairs on"),
          ratio(m_.distance("icl", name, "training", m_.settled()),
                m_.distance("icl", "same", "bayes", m_.settled())),
          kit::at_least(2), {.not_testable = not_bayes("icl", "free", "same")});
    }
  }

  void inputs_and_length() {
    const auto on = [this](const char* arm, const char* name) {
      return m_.excess(arm, "free", name, m_.late());
    };
    add("inputs twice as large: training on scales from 0.5 to 2 helps: excess NLL, difference (nats a "
        "label)",
        kit::minus(on("scales", "x_2"), on("icl", "x_2")), kit::below(0));
    SeedValues worst = on("scales", "same");
    for (const char* name : {"x_0.5", "x_2"}) {
      const SeedValues other = on("scales", name);
      for (size_t s = 0; s < worst.size(); ++s) worst[s] = std::max(worst[s], other[s]);
    }
    add("trained so, it is Bayes over the whole range: largest excess NLL at scales 0.5, 1 and 2 (nats a "
        "label)",
        worst, kit::below(kEqual));
    const auto growth = [this](const char* arm) {
      return kit::minus(m_.excess(arm, "free", "longer", {c_.pairs, 2 * c_.pairs}),
                        m_.excess(arm, "free", "longer", {c_.pairs / 2, c_.pairs}));
    };
    add("without positions prompts may be twice as long: excess NLL beyond the training length, difference "
        "to "
        "the second half within it (nats a label)",
        growth("no_positions"), kit::at_most(0.1),
        {.not_testable = not_bayes("no_positions", "free", "same")});
    add("with learned positions they may not: growth of the excess, difference to that without positions",
        kit::minus(growth("icl"), growth("no_positions")), kit::above(0),
        {.not_testable = not_bayes("icl", "free", "same")});
  }

  Measures m_;
  const Config& c_;
  kit::ClaimList claims_;
};

std::string shown(const SeedValues& values) { return format_number(mean_of(values), 3); }

void shift_table(const Measures& m, const Config& c, const Domains& domains, kit::Run& run) {
  kit::Table table{
      "On each kind of prompt from d + 4 pairs on, mean over seeds: excess NLL over Bayes (or the first "
      "reference) in nats a label, of the arm and of each reference; the pair's distance from the reference",
      {"arm", "prompts", "arm's excess", "reference", "its excess", "distance"},
      {}};
  for (const Arm& arm : arms(c)) {
    if (arm.objective != Objective::kPair) continue;
    for (const Domain& domain : domains.at(arm.judged_on)) {
      const std::string excess = shown(m.excess(arm.name, arm.judged_on, domain.name, m.settled()));
      for (const auto& [reference, predicted] : domain.references) {
        table.rows.push_back({arm.name, domain.name, excess, reference,
                              format_number(m.excess_of(reference, domain, m.settled()), 3),
                              shown(m.distance(arm.name, domain.name, reference, m.settled()))});
      }
    }
  }
  run.table(table);
}

Series by_pairs(const std::string& label, const std::vector<double>& y, Series::Style style = Series::kLine) {
  Series series{label, {}, y, style};
  for (size_t t = 0; t < y.size(); ++t) series.x.push_back(static_cast<double>(t));
  return series;
}

// f of each seed's outcome is a curve by position. Nothing for an arm that was not trained.
template <class F>
void add_seeds(const Config& c, const Results& results, const std::string& arm, const std::string& label, F f,
               kit::Chart& chart) {
  if (!c.trains(arm)) return;
  for (const Outcome* outcome : results.of(arm)) chart.series.push_back(by_pairs(label, f(*outcome)));
}

std::vector<double> minus(std::vector<double> a, const std::vector<double>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

void charts(const Measures& m, const Config& c, const Results& results, kit::Run& run) {
  const Domain& same = m.domain("free", "same");
  const std::vector<double> bayes = same.nll_by_position("bayes");
  kit::Chart excess{"In distribution: excess NLL over Bayes", "pairs seen", "nats a label", {}};
  add_seeds(
      c, results, "icl", "Transformer",
      [&](const Outcome& o) { return minus(o.curves.at("same/nll"), bayes); }, excess);
  for (const char* reference : {"ols", "ridge"}) {
    std::vector<double> curve = minus(same.nll_by_position(reference), bayes);
    for (int64_t k = 0; k < m.settled().from; ++k)
      curve[static_cast<size_t>(k)] = std::nan("");  // its mean is infinite
    excess.series.push_back(by_pairs(reference, curve, Series::kDashed));
  }
  run.chart(std::move(excess));
  kit::Chart memory{"The other sigma than at training, the smaller true: predicted over true sigma",
                    "pairs seen",
                    "ln(sigma / true)",
                    {}};
  for (const auto& [arm, group, reference] :
       {std::tuple{"pool_few", "few", "memory"}, std::tuple{"pool_many", "many", "prior"},
        std::tuple{"tied", "tied", "tied"}}) {
    add_seeds(
        c, results, arm, arm, [](const Outcome& o) { return o.curves.at("exchanged/low_ratio"); }, memory);
    memory.series.push_back(by_pairs(absl::StrCat("Bayes: ", group, ", ", reference),
                                     low_ratio(m.domain(group, "exchanged"), reference, c.sigma_low),
                                     Series::kDashed));
  }
  run.chart(std::move(memory));
  const std::vector<double> longer = m.domain("free", "longer").nll_by_position("bayes");
  kit::Chart length{absl::StrCat("Longer prompts than the ", c.pairs, " pairs of training: excess NLL"),
                    "pairs seen",
                    "nats a label",
                    {}};
  for (const auto& [arm, label] :
       {std::pair{"icl", "learned positions"}, std::pair{"no_positions", "no positions"}})
    add_seeds(
        c, results, arm, label, [&](const Outcome& o) { return minus(o.curves.at("longer/nll"), longer); },
        length);
  run.chart(std::move(length));
}

}  // namespace

void report(const Config& config, const Domains& domains, const Results& results, kit::Run& run) {
  const Measures m(config, domains, results);
  run.name_metric("excess_nll", "excess NLL over Bayes on the arm's own law (nats a label)");
  run.name_metric("loss", "training loss");
  shift_table(m, config, domains, run);
  charts(m, config, results, run);
}

absl::Status judge(const Config& config, const Domains& domains, const Results& results,
                   const std::string& scale, kit::Run& run) {
  Judge judge(config, domains, results, scale, run.seeds());
  return run.claim_all(judge.claims());
}

}  // namespace roux::icl_uncertainty
