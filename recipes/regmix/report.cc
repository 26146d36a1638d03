#include "recipes/regmix/report.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/nearest_name.h"
#include "recipes/regmix/tables.h"
#include "tensor/error.h"

namespace roux::regmix {
namespace {

using kit::format_number;
using kit::Series;

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v / static_cast<double>(values.size());
  return sum;
}

// Shares of the domains and what the regressions make of them, mean over seeds.
kit::Table mixtures_table(const Outcomes& o) {
  kit::Table table{"Mixtures (weights, mean over seeds)",
                   {"domain", "bytes", "natural", "cap", "regmix", "linear", "top 1"},
                   {}};
  if (o.data.has_unseen()) table.columns.emplace_back("regmix, unseen target");
  const std::vector<double> highest = caps(o.data.p, sampler_of(o.config, o.data).max_epochs);
  for (size_t d = 0; d < o.data.domains; ++d) {
    std::vector<std::string> row{o.data.names[d], absl::StrCat(o.data.corpora[d].train.target_count()),
                                 format_number(o.data.p[d], 3), format_number(highest[d], 3)};
    for (const char* arm : {"regmix", "regmix_linear", "regmix_top1", "regmix_unseen"}) {
      if (arm == std::string("regmix_unseen") && !o.data.has_unseen()) continue;
      row.push_back(
          format_number(mean(o.each([&](size_t s) { return mixture_of(o.by_seed[s], arm)[d]; })), 3));
    }
    table.rows.push_back(row);
  }
  return table;
}

kit::Table losses_table(const Outcomes& o) {
  kit::Table table{"Large model: losses (nats per byte), mean over seeds", {"mixture"}, {}};
  table.columns.push_back(absl::StrCat("target: ", o.data.names[o.data.target]));
  if (o.data.has_unseen()) table.columns.push_back(absl::StrCat("unseen: ", o.data.names.back()));
  table.columns.emplace_back("mean of the domains");
  for (const std::string& arm : large_arms(o.config, o.data)) {
    const auto of = [&](size_t text) {
      return format_number(mean(o.each([&](size_t s) { return o.loss(arm, s, text); })));
    };
    std::vector<std::string> row{arm, of(o.data.target)};
    if (o.data.has_unseen()) row.push_back(of(o.data.domains));
    row.push_back(format_number(mean(o.each([&](size_t s) {
      double sum = 0;
      for (size_t d = 0; d < o.data.domains; ++d)
        sum += o.loss(arm, s, d) / static_cast<double>(o.data.domains);
      return sum;
    }))));
    table.rows.push_back(row);
  }
  return table;
}

std::string name_of(const Outcomes& o, size_t text) {
  return text < o.data.names.size() ? o.data.names[text] : "mean of the domains";
}

// Each text as the target of a regression on the proxies.
kit::Table regressions_table(const Outcomes& o) {
  kit::Table table{
      "Regressions: Spearman and mean squared error on the test mixtures, mean over seeds",
      {"target", "linear", "trees", "p (largest)", "MSE linear", "MSE trees", "rounds", "between seeds"},
      {}};
  for (size_t text = 0; text <= o.data.corpora.size(); ++text) {
    const auto of = [&](const std::function<double(const Regression&)>& f) {
      return o.each([&](size_t s) { return f(o.by_seed[s].regressions[text]); });
    };
    const std::vector<double> p = of([](const Regression& r) { return r.p_value; });
    table.rows.push_back(
        {name_of(o, text), format_number(mean(of([](const Regression& r) { return r.rho_linear; })), 3),
         format_number(mean(of([](const Regression& r) { return r.rho_trees; })), 3),
         format_number(*std::max_element(p.begin(), p.end()), 2),
         format_number(mean(of([](const Regression& r) { return r.mse_linear; })), 2),
         format_number(mean(of([](const Regression& r) { return r.mse_trees; })), 2),
         format_number(mean(of([](const Regression& r) { return static_cast<double>(r.rounds); })), 3),
         o.seeds.size() > 1
             ? format_number(mean(o.each([&](size_t s) { return o.rank_between_seeds(s, text); })), 3)
             : "-"});
  }
  return table;
}

// Linear coefficients: columns are the domains that are trained on, rows the losses.
kit::Table effects_table(const Outcomes& o) {
  kit::Table table{
      "Effect of a domain on a text's loss: linear coefficient less the average one of foreign domains (nats "
      "per byte); "
      "*: sign clear over seeds",
      {"loss of"},
      {}};
  for (size_t d = 0; d < o.data.domains; ++d) table.columns.push_back(o.data.names[d]);
  for (size_t text = 0; text < o.data.corpora.size(); ++text) {
    std::vector<std::string> row{o.data.names[text]};
    for (size_t d = 0; d < o.data.domains; ++d) {
      const double effect = mean(o.each([&](size_t s) { return o.by_seed[s].regressions[text].effects[d]; }));
      const bool clear = o.seeds.size() > 1 && o.clear_effect(text, d) != 0;
      row.push_back(format_number(effect, 2) + (clear ? "*" : ""));
    }
    table.rows.push_back(row);
  }
  return table;
}

// Of the reported targets.
std::vector<size_t> targets(const Outcomes& o) {
  std::vector<size_t> all = {o.data.target};
  if (o.data.has_unseen()) all.push_back(o.data.domains);
  return all;
}

kit::Chart predicted_chart(const Outcomes& o, size_t text) {
  kit::Chart chart{absl::StrCat("Test mixtures: predicted and measured loss of ", name_of(o, text)),
                   "measured loss of a proxy (nats per byte)",
                   "predicted loss (nats per byte)",
                   {}};
  const Regression& r = o.by_seed[0].regressions[text];
  chart.series.push_back({"trees", r.measured, r.trees, Series::kPoints});
  chart.series.push_back({"linear", r.measured, r.linear, Series::kPoints});
  const auto [low, high] = std::minmax_element(r.measured.begin(), r.measured.end());
  chart.series.push_back({"equal", {*low, *high}, {*low, *high}, Series::kDashed});
  return chart;
}

kit::Chart sizes_chart(const Outcomes& o, size_t text) {
  kit::Chart chart{absl::StrCat("One mixture, two sizes: loss of ", name_of(o, text)),
                   "loss of a proxy (nats per byte)",
                   "loss of the large model (nats per byte)",
                   {}};
  for (size_t s = 0; s < o.seeds.size(); ++s) {
    Series points{absl::StrCat("seed ", o.seeds[s]), {}, {}, Series::kPoints};
    points.x = o.proxy_losses(s, text);
    for (const std::string& arm : o.common_arms()) points.y.push_back(o.loss(arm, s, text));
    chart.series.push_back(std::move(points));
  }
  return chart;
}

kit::Chart counts_chart(const Outcomes& o, size_t text) {
  kit::Chart chart{absl::StrCat("More proxies: rank correlation on the test mixtures, ", name_of(o, text)),
                   "proxies that are fitted on",
                   "Spearman correlation",
                   {}};
  for (size_t s = 0; s < o.seeds.size(); ++s) {
    const Regression& r = o.by_seed[s].regressions[text];
    const std::vector<double> x(r.counts.begin(), r.counts.end());
    chart.series.push_back({"trees", x, r.rho_by_count});
    chart.series.push_back({"linear", x, r.rho_linear_by_count});
  }
  return chart;
}

// Losses of one set: "5.13 to 6.68".
std::string range_of(const MeasuredSet& set, const std::string& target) {
  const auto losses = set.losses.find(target);
  if (losses == set.losses.end()) return "-";
  const auto [low, high] = std::minmax_element(losses->second.begin(), losses->second.end());
  return absl::StrCat(format_number(*low, 3), " to ", format_number(*high, 3));
}

// What was read: rows of both files of a pair, and the range of the losses.
kit::Table sets_table(const PublishedTables& tables, const std::string& target) {
  kit::Table table{"Sets", {"set", "rows", "in one file alone", absl::StrCat("losses of ", target)}, {}};
  const auto add = [&](const std::string& name, const MeasuredSet& set) {
    table.rows.push_back({absl::StrCat(name, " ", set.name), absl::StrCat(set.mixtures.rows),
                          absl::StrCat(set.unpaired), range_of(set, target)});
  };
  add("train", tables.train);
  for (const MeasuredSet& test : tables.tests) add("test", test);
  return table;
}

void show_tables(const PublishedTables& tables, const std::vector<TargetFit>& fits, const std::string& target,
                 const Mixture& best_mixture, kit::Run& run) {
  run.table(sets_table(tables, target));
  kit::Table table{
      absl::StrCat(tables.train.mixtures.rows, " mixtures fitted: Spearman on the others"), {"target"}, {}};
  for (const char* model : {"linear", "trees"}) {
    for (const MeasuredSet& test : tables.tests) table.columns.push_back(absl::StrCat(model, " ", test.name));
  }
  // Between sizes the error is but the difference of their levels.
  const bool one_size = !tables.tests.empty() && tables.tests[0].name == tables.train.name;
  if (one_size) table.columns.insert(table.columns.end(), {"MSE linear", "MSE trees"});
  std::vector<size_t> comparable;  // sets with mixtures of the first
  for (size_t i = 1; i < tables.tests.size(); ++i) {
    const auto rank = [&](const TargetFit& fit) {
      return rank_invariance(tables.tests[0], tables.tests[i], fit.target).has_value();
    };
    if (std::none_of(fits.begin(), fits.end(), rank)) continue;
    comparable.push_back(i);
    table.columns.push_back(absl::StrCat("losses ", tables.tests[0].name, " and ", tables.tests[i].name));
  }
  for (const TargetFit& fit : fits) {
    std::vector<std::string> row{fit.target};
    const auto add = [&](const char* model, const MeasuredSet& test, double Quality::*value, int digits) {
      const auto of_model = fit.quality.find(model);
      const bool there = of_model != fit.quality.end() && of_model->second.count(test.name) == 1;
      row.push_back(there ? format_number(of_model->second.at(test.name).*value, digits) : "-");
    };
    for (const char* model : {"linear", "trees"}) {
      for (const MeasuredSet& test : tables.tests) add(model, test, &Quality::spearman, 4);
    }
    for (const char* model : {"linear", "trees"}) {
      if (one_size) add(model, tables.tests[0], &Quality::mean_squared_error, 2);
    }
    for (const size_t i : comparable) {
      const auto rank = rank_invariance(tables.tests[0], tables.tests[i], fit.target);
      row.push_back(rank ? format_number(*rank, 4) : "-");
    }
    table.rows.push_back(row);
  }
  run.table(table);
  kit::Table best{absl::StrCat("The mixture that is predicted best for ", target),
                  {"domain", "prior", "best", "linear effect"},
                  {}};
  const Mixture prior = prior_of(tables);
  for (const TargetFit& fit : fits) {
    for (size_t j = 0; fit.target == target && j < tables.domains.size(); ++j) {
      best.rows.push_back({tables.domains[j], format_number(prior[j], 3), format_number(best_mixture[j], 3),
                           format_number(fit.effects[j], 3)});
    }
  }
  run.table(best);
}

}  // namespace

void report(const Outcomes& o, kit::Run& run) {
  run.name_metric("loss", "training loss (nats per byte)");
  for (const std::string& name : o.data.names)
    run.name_metric(name + "_loss", absl::StrCat("loss on ", name, " (nats per byte)"));
  run.table(mixtures_table(o));
  run.table(losses_table(o));
  run.table(regressions_table(o));
  run.table(effects_table(o));
  for (const size_t text : targets(o)) {
    run.chart(predicted_chart(o, text));
    run.chart(sizes_chart(o, text));
    run.chart(counts_chart(o, text));
  }
  const int64_t vocab = o.data.corpora[0].tokenizer.vocab_size();
  const double proxies =
      static_cast<double>(o.config.train_mixtures) * flops_of(o.config, o.config.proxy, vocab);
  const double large = flops_of(o.config, o.config.large, vocab);
  run.print(
      absl::StrFormat("Proxies to fit on: %.2g operations, %.0f %% of one large training (%.2g); they serve "
                      "any size of the large "
                      "model.\n",
                      proxies, 100 * proxies / large, large));
}

absl::Status report_tables(const std::string& path, const std::string& wanted, kit::Run& run) {
  ROUX_ASSIGN_OR_RETURN(const PublishedTables tables, read_published(path));
  const std::vector<std::string>& targets = tables.targets;
  const auto there = [&](const std::string& name) {
    return std::find(targets.begin(), targets.end(), name) != targets.end();
  };
  if (!wanted.empty() && !there(wanted)) {
    return absl::NotFoundError(absl::StrCat("--target=", wanted, ": ", path, " has no losses of it",
                                            kit::did_you_mean(wanted, targets, "")));
  }
  const std::string target = !wanted.empty() ? wanted : there("pile_cc") ? "pile_cc" : targets[0];
  std::vector<TargetFit> fits;
  for (const std::string& name : targets) {
    run.progress(static_cast<double>(fits.size()), static_cast<double>(targets.size()), name);
    ROUX_RETURN_IF_ERROR(run.check_interrupt());
    fits.push_back(fit_target(tables, name));
  }
  const auto wish = std::find(targets.begin(), targets.end(), target) - targets.begin();
  const Mixture best = best_mixture(tables, fits[static_cast<size_t>(wish)]);
  show_tables(tables, fits, target, best, run);
  return run.write("table.json", table_json(tables, fits, best));
}

}  // namespace roux::regmix
