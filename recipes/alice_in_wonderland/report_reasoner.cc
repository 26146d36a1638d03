#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "recipes/alice_in_wonderland/report.h"
#include "recipes/kit/run/claim_list.h"

namespace roux::alice {
namespace {

using kit::format_number;

// Which items: of AIW's kind, of AIW's kind about a girl, all others.
struct Groups {
  const FamilyTask& task;
  Which crossed() const {
    return [this](size_t i) { return task.items[i].crossed; };
  }
  Which controls() const {
    return [this](size_t i) { return !task.items[i].crossed; };
  }
  Which girls() const {
    return [this](size_t i) { return task.items[i].crossed && task.items[i].problem.girl; };
  }
};

double homogeneity_p(const FamilyTask& task, const Reasoned& result, const Which& which) {
  return fluctuation(cells_of(task, result, which)).p_value;
}

// Controls that an arm did not train on.
double hidden_accuracy(const ReasonerConfig& config, const FamilyTask& task, const Reasoned& result,
                       uint64_t seed) {
  const std::vector<int64_t> trained = training_items(task, "hidden", config, seed);
  return accuracy(task, result, [&](size_t i) {
    return !task.items[i].crossed &&
           !std::binary_search(trained.begin(), trained.end(), static_cast<int64_t>(i));
  });
}

void show_arms(const ReasonerConfig& config, const FamilyTask& task, const kit::Results<Reasoned>& results,
               kit::Run& run) {
  const Groups groups{task};
  const bool hidden = std::any_of(results.names.begin(), results.names.end(), [](const std::string& name) {
    return kit::PartName(name).arm == "hidden";
  });
  kit::Table table{"Part B: right answers by arm and seed; wrong crossed answers that copy the stated count",
                   {"arm/seed", "crossed", "of girls", "p(right)", "controls", "wrong", "copied", "next rule",
                    "p over cells"},
                   {}};
  if (hidden) table.columns.push_back("hidden controls");
  for (size_t i = 0; i < results.results.size(); ++i) {
    const Reasoned& r = results.results[i];
    const kit::PartName name(results.names[i]);
    const WrongAnswers wrong = wrong_answers(task, r, groups.crossed());
    table.rows.push_back({results.names[i], format_number(accuracy(task, r, groups.crossed()), 3),
                          format_number(accuracy(task, r, groups.girls()), 3),
                          format_number(mean_probability(task, r, groups.crossed()), 3),
                          format_number(accuracy(task, r, groups.controls()), 3), absl::StrCat(wrong.wrong),
                          format_number(wrong.copied, 3), format_number(wrong.next, 3),
                          format_number(homogeneity_p(task, r, groups.crossed()), 3)});
    if (name.arm == "hidden")
      table.rows.back().push_back(format_number(hidden_accuracy(config, task, r, *name.seed), 3));
  }
  run.table(table);
}

void show_variations(const FamilyTask& task, const kit::Results<Reasoned>& results, kit::Run& run) {
  kit::Chart chart{"Part B: crossed questions about girls", "sisters M", "share of right answers", {}};
  kit::Table table{
      "Part B: probability of the right answer to V1 to V4", {"arm/seed", "V1", "V2", "V3", "V4"}, {}};
  for (size_t i = 0; i < results.results.size(); ++i) {
    const Reasoned& r = results.results[i];
    std::map<int64_t, std::pair<int64_t, int64_t>> by_sisters;  // right, all
    for (size_t k = 0; k < task.items.size(); ++k) {
      const Problem& p = task.items[k].problem;
      if (!task.items[k].crossed || !p.girl) continue;
      auto& [right, all] = by_sisters[p.sisters];
      right += r.said[k] == task.items[k].answer, ++all;
    }
    kit::Series series{kit::PartName(results.names[i]).arm, {}, {}};
    for (const auto& [sisters, counts] : by_sisters) {
      series.x.push_back(static_cast<double>(sisters));
      series.y.push_back(static_cast<double>(counts.first) / static_cast<double>(counts.second));
    }
    chart.series.push_back(std::move(series));
    std::vector<std::string> row = {results.names[i]};
    for (const Problem& v : aiw_variations()) {
      const std::string wanted = text(v);
      const auto found = std::find_if(task.items.begin(), task.items.end(),
                                      [&](const FamilyItem& item) { return text(item.problem) == wanted; });
      row.push_back(found == task.items.end()
                        ? "-"
                        : format_number(r.probability[static_cast<size_t>(found - task.items.begin())], 3));
    }
    table.rows.push_back(row);
  }
  run.chart(chart);
  run.table(table);
}

}  // namespace

absl::Status report_reasoner(const ReasonerConfig& config, const FamilyTask& task,
                             const kit::Results<Reasoned>& results, const std::vector<TrainedArm>& arms,
                             kit::Run& run) {
  run.name_metric("loss", "training loss of the answer (nats)");
  run.name_metric("crossed_accuracy", "crossed questions: share of right answers");
  run.name_metric("control_accuracy", "controls: share of right answers");
  show_arms(config, task, results, run);
  show_variations(task, results, run);

  const Groups groups{task};
  const auto of = [&](const char* arm, const Which& which) {
    return results.values(arm, [&](const Reasoned& r) { return accuracy(task, r, which); });
  };
  const auto wrong = [&](const char* arm) {
    return results.values(arm, [&](const Reasoned& r) {
      const WrongAnswers w = wrong_answers(task, r, groups.crossed());
      return w.copied - w.next;
    });
  };
  const auto p_value = [&](const char* arm, const Which& which) {
    return results.values(arm, [&](const Reasoned& r) { return homogeneity_p(task, r, which); });
  };
  const std::string scale = absl::StrCat(parameter_count(config, task), " parameters, ",
                                         config.steps * config.batch, " questions a run");
  kit::ClaimList claims(run.seeds(), scale);
  const auto claim = [&](const char* arm, const std::string& text, const kit::SeedValues& values,
                         const kit::Relation& relation, kit::ClaimOptions options) {
    const std::vector<double> controls = of(arm, groups.controls());
    const double least = *std::min_element(controls.begin(), controls.end());
    if (least <= 0.9) {
      options.not_testable =
          absl::StrCat("controls not solved (", format_number(least, 3),
                       ", needed 0.9): breakdown not separable; --preset=default trains longer");
    }
    claims.add(absl::StrCat("trained from nothing, arm ", arm, ": ", text), values, relation, options);
  };
  const kit::Bounds share{0, 1}, difference{-1, 1};
  claim("none", "accuracy of controls minus that of crossed questions, which were never trained on",
        kit::minus(of("none", groups.controls()), of("none", groups.crossed())), kit::at_least(0.2),
        {.asserted = true, .bounds = difference});
  claim("none", "the copied count is the most frequent wrong answer, its share minus the next rule's",
        wrong("none"), kit::above(0), {.bounds = difference});
  claim("full", "accuracy of crossed questions, which were trained on", of("full", groups.crossed()),
        kit::above(0.9), {.asserted = true, .bounds = share});
  claim("few", "crossed accuracy differs from cell to cell, p-value of homogeneity",
        p_value("few", groups.crossed()), kit::below(0.01), {.bounds = share});
  claim("few", "control accuracy does not, p-value of homogeneity", p_value("few", groups.controls()),
        kit::at_least(0.01), {.bounds = share});
  if (std::any_of(arms.begin(), arms.end(), [](const TrainedArm& a) { return a.name == "mirror"; })) {
    claim("mirror", "accuracy of girls' crossed questions after training on boys' alone, minus arm none's",
          kit::minus(of("mirror", groups.girls()), of("none", groups.girls())), kit::above(0),
          {.bounds = difference});
  }
  return run.claim_all(claims.all());
}

}  // namespace roux::alice
