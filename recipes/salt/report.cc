#include "recipes/salt/report.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/stats/samplers.h"
#include "recipes/salt/claims.h"
#include "tensor/io/json_value.h"

namespace roux::salt {
namespace {

using kit::format_number;
using kit::Series;

// Losses at 0 are those of an untrained model: in a chart they would flatten the rest.
constexpr size_t kFirstShown = 1;

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::string mean(const std::vector<double>& values) { return format_number(mean_of(values)); }

kit::Table losses_table(const Config& config, const kit::Corpus& corpus, const std::vector<Arm>& arms,
                        const Results& results) {
  kit::Table table{
      "Validation losses (nats per byte), mean over seeds; cost: operations relative to BASELINE, "
      "the teacher's forwards and scores counted",
      {"arm", "steps", "n_KD", "loss", "- BASELINE", "easy", "medium", "hard", "cost"},
      {}};
  const Compute compute = config.compute(corpus.tokenizer.vocab_size());
  const int64_t scored_tokens = corpus.train.size() * config.student.length;  // where the teacher selects
  const std::vector<double> baseline = final_losses(results, "baseline");
  for (const Arm& arm : arms) {
    const std::vector<double> losses = final_losses(results, arm.name);
    std::vector<std::string> row = {arm.name, absl::StrCat(arm.steps)};
    if (arm.teaches) {
      row.insert(row.end(), {"-", mean(losses)});
    } else {
      const double forwards = results.values(
          arm.name, [](const Outcome& o) { return static_cast<double>(o.teacher_forwards); })[0];
      row.insert(row.end(), {format_number(forwards), mean(losses),
                             format_number(mean_of(losses) - mean_of(baseline), 3)});
      for (const char* bucket : {"easy_loss", "medium_loss", "hard_loss"})
        row.push_back(mean(final_losses(results, arm.name, bucket)));
      row.push_back(format_number(
          compute.flops(arm.steps, static_cast<int64_t>(forwards), arm.selects ? scored_tokens : 0) /
              compute.flops(config.steps, 0),
          3));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

kit::Table gate_table(const Config& config, const Results& results, const std::vector<uint64_t>& seeds) {
  kit::Table table{
      "The teacher's gate: validation losses (nats per byte)",
      {"seed", "teacher", "BASELINE at n_KD", "BASELINE at the end", "teacher above it", "in 3 to 8 %"},
      {}};
  const std::vector<TeacherGate> all = gates(config, results);
  for (size_t s = 0; s < all.size(); ++s) {
    const TeacherGate& g = all[s];
    table.rows.push_back({absl::StrCat(seeds[s]), format_number(g.teacher),
                          format_number(g.baseline_at_switch), format_number(g.baseline_final),
                          absl::StrFormat("%.1f%%", 100 * g.above()),
                          g.is_useful() && g.above() >= 0.03 && g.above() <= 0.08 ? "yes" : "no"});
  }
  return table;
}

// An arm and what a chart calls it.
using Shown = std::vector<std::pair<std::string, std::string>>;

// y(log, i) of each seed at its i-th evaluation.
template <class Y>
kit::Chart curves(const Results& results, const std::string& title, const std::string& y_label,
                  const Shown& shown, Y y) {
  kit::Chart chart{title, "step", y_label, {}};
  for (const auto& [name, label] : shown) {
    size_t seed = 0;
    for (size_t i = 0; i < results.names.size(); ++i) {
      if (kit::PartName(results.names[i]).arm != name) continue;
      Series series{label, {}, {}};
      const kit::TrainLog& log = results.results[i].log;
      for (size_t at = kFirstShown; at < log.at.size(); ++at) {
        series.x.push_back(static_cast<double>(log.at[at]));
        series.y.push_back(y(log, seed, at));
      }
      ++seed;
      chart.series.push_back(std::move(series));
    }
  }
  return chart;
}

void add_charts(const Config& config, const Results& results, kit::Run& run) {
  const Shown main = {{"baseline", "BASELINE"}, {"salt", "SALT"}, {"rkd", "RKD"}, {"salt_ds", "SALT_DS"}};
  run.chart(curves(
      results, "Validation loss", "nats per byte",
      {main[0], main[1], main[2], main[3], {"teacher", "teacher, its own steps"}},
      [](const kit::TrainLog& log, size_t, size_t at) { return log.curves.at("validation_loss")[at]; }));
  std::vector<const kit::TrainLog*> baseline;
  for (size_t i = 0; i < results.names.size(); ++i) {
    if (kit::PartName(results.names[i]).arm == "baseline") baseline.push_back(&results.results[i].log);
  }
  const auto lead = [&](const char* curve) {
    return [&baseline, curve](const kit::TrainLog& log, size_t seed, size_t at) {
      return baseline[seed]->curves.at(curve)[at] - log.curves.at(curve)[at];
    };
  };
  run.chart(curves(results, "Lead over BASELINE at the same step", "nats per byte",
                   {main[1], main[2], main[3]}, lead("validation_loss")));
  kit::Chart by_bucket{"SALT's lead by the teacher's loss of the sequence", "step", "nats per byte", {}};
  for (const auto& [curve, label] :
       {std::pair{"easy_loss", "easy"}, std::pair{"medium_loss", "medium"}, std::pair{"hard_loss", "hard"}}) {
    for (Series& series : curves(results, "", "", {{"salt", label}}, lead(curve)).series)
      by_bucket.series.push_back(std::move(series));
  }
  run.chart(std::move(by_bucket));
  if (config.arms != "all") return;
  kit::Chart length{
      "How long to distil", "n_KD (% of the steps)", "final validation loss (nats per byte)", {}};
  const std::vector<std::pair<std::string, double>> of_length = {
      {"baseline", 0}, {"salt_5", 5},   {"salt_10", 10}, {"salt", 100 * config.kd_share},
      {"salt_30", 30}, {"salt_50", 50}, {"rkd", 100}};
  for (size_t s = 0; s < baseline.size(); ++s) {
    Series series{"student", {}, {}};
    for (const auto& [arm, percent] : of_length)
      series.x.push_back(percent), series.y.push_back(final_losses(results, arm)[s]);
    length.series.push_back(std::move(series));
  }
  run.chart(std::move(length));
}

// Median wall-clock of a step of SALT in each stage and of BASELINE, by timings.jsonl.
void add_times(const Config& config, kit::Run& run) {
  const auto text = kit::read_text(run.path("timings.jsonl"));
  if (!text.ok()) return;
  std::map<std::string, std::vector<double>> ms;
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    const auto value = parse_json_value(line, "timings.jsonl");
    if (!value.ok()) continue;  // cut by an interruption
    const std::string arm = kit::PartName(value->find("part")->string()).arm;
    const bool first = value->find("step")->integer() <= config.kd_steps();
    if (arm == "salt" || arm == "baseline")
      ms[arm + (first ? ", first n_KD steps" : ", later steps")].push_back(value->find("ms")->number());
  }
  kit::Table table{"Wall-clock of a step on this machine", {"arm", "median (ms)", "steps of all seeds"}, {}};
  for (auto& [name, all] : ms) {
    std::sort(all.begin(), all.end());
    table.rows.push_back({name, format_number(all[all.size() / 2], 3), absl::StrCat(all.size())});
  }
  run.table(table);
}

}  // namespace

void report(const Config& config, const kit::Corpus& corpus, const std::vector<Arm>& arms,
            const Results& results, kit::Run& run) {
  for (const auto& [field, name] : {std::pair{"loss", "training loss (nats per byte)"},
                                    std::pair{"validation_loss", "validation loss (nats per byte)"},
                                    std::pair{"easy_loss", "loss on easy sequences (nats per byte)"},
                                    std::pair{"medium_loss", "loss on medium sequences (nats per byte)"},
                                    std::pair{"hard_loss", "loss on hard sequences (nats per byte)"}})
    run.name_metric(field, name);
  run.table(gate_table(config, results, run.seeds()));
  run.table(losses_table(config, corpus, arms, results));
  add_times(config, run);
  add_charts(config, results, run);
}

kit::Table risks_table(const std::vector<BigramRisk>& risks, const std::string& title) {
  kit::Table table{
      title, {"n", "omega", "one-hot", "distilled", "best omega", "its risk", "bound: bias", "variance"}, {}};
  for (const BigramRisk& r : risks) {
    table.rows.push_back({absl::StrCat(r.n), format_number(r.omega), format_number(r.one_hot),
                          format_number(r.distilled), format_number(r.best_omega), format_number(r.best_risk),
                          format_number(r.bound.bias), format_number(r.bound.variance)});
  }
  return table;
}

namespace {

// Errors of tables fitted to n drawn samples of each context, mean over contexts: the closed form's check.
Series drawn_risks(const BigramWorld& world, int64_t n, const std::string& label) {
  Series series{label, {}, {}, Series::kPoints};
  stats::RandomStream random(1);
  std::vector<Distribution> empirical;
  for (const Distribution& p : world.truth) {
    const stats::AliasSampler next(p);
    Distribution& shares = empirical.emplace_back(p.size(), 0);
    for (int64_t i = 0; i < n; ++i) shares[static_cast<size_t>(next(random))] += 1 / static_cast<double>(n);
  }
  for (int i = 0; i <= 4; ++i) {
    const double omega = i / 4.0;
    double error = 0;
    for (size_t c = 0; c < empirical.size(); ++c)
      error += world.context[c] * squared_bias(world.truth[c], mix(empirical[c], world.teacher[c], omega));
    series.x.push_back(omega), series.y.push_back(error);
  }
  return series;
}

}  // namespace

void report_bigrams(const BigramWorld& world, kit::Run& run) {
  kit::Chart risk{"World of bigrams: squared risk of the fitted table, closed form and drawn",
                  "omega",
                  "mean squared error",
                  {}};
  risk.log_y = true;
  kit::Chart best{"World of bigrams: the best omega", "samples of a context", "omega*", {}};
  best.log_x = true;
  const size_t half = world.truth.size() / 2;
  for (const auto& [first, name] : {std::pair{size_t{0}, "peaked"}, std::pair{half, "flat"}}) {
    BigramWorld contexts{Distribution(half, 1 / static_cast<double>(half)), {}, {}};
    for (size_t c = first; c < first + half; ++c)
      contexts.truth.push_back(world.truth[c]), contexts.teacher.push_back(world.teacher[c]);
    const double b = contexts.mean_squared_bias();
    const auto v = [&](int64_t n) {
      return contexts.mean_one_hot_variance(static_cast<double>(n) * static_cast<double>(half));
    };
    for (const int64_t n : {10, 100, 1000}) {
      Series series{absl::StrCat(name, ", n = ", n), {}, {}};
      for (int i = 0; i <= 50; ++i)
        series.x.push_back(i / 50.0), series.y.push_back(squared_risk(b, v(n), i / 50.0));
      risk.series.push_back(std::move(series));
      risk.series.push_back(drawn_risks(contexts, n, absl::StrCat(name, ", n = ", n, ", drawn")));
    }
    Series omegas{name, {}, {}};
    for (const int64_t n : {1, 3, 10, 30, 100, 300, 1000, 3000})
      omegas.x.push_back(static_cast<double>(n)), omegas.y.push_back(best_omega(b, v(n)));
    best.series.push_back(std::move(omegas));
  }
  run.chart(std::move(risk));
  run.chart(std::move(best));
}

}  // namespace roux::salt
