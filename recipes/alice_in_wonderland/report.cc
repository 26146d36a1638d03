#include "recipes/alice_in_wonderland/report.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/alice_in_wonderland/statistics.h"
#include "recipes/kit/stats/intervals.h"
#include "recipes/kit/text/printable.h"

namespace roux::alice {
namespace {

using kit::format_number;

std::vector<double> values(const ByCell& cells) {
  std::vector<double> out;
  for (const auto& [cell, p] : cells) out.push_back(p);
  return out;
}
// Of the cells of `of`.
std::vector<double> values(const ByCell& cells, const ByCell& of) {
  std::vector<double> out;
  for (const auto& [cell, p] : of) out.push_back(cells.at(cell));
  return out;
}

// A group for each (N, M): its two orders of the clauses are one problem.
std::vector<int64_t> numbers_of(const ByCell& cells) {
  std::map<std::string, int64_t> groups;
  std::vector<int64_t> out;
  for (const auto& entry : cells) {
    std::vector<std::string> clauses = absl::StrSplit(entry.first, ", ");
    std::sort(clauses.begin(), clauses.end());
    const std::string numbers = absl::StrJoin(clauses, ", ");
    out.push_back(groups.emplace(numbers, static_cast<int64_t>(groups.size())).first->second);
  }
  return out;
}

double mean(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double at(const IntegerDistribution& result, int64_t number) {
  return number >= 0 && number < static_cast<int64_t>(result.probabilities.size())
             ? result.probabilities[static_cast<size_t>(number)]
             : 0;
}

// One row for each arm: what is right and what the wrong answers are.
void show_arms(const std::vector<ExactItem>& items, const std::vector<IntegerDistribution>& results,
               kit::Run& run) {
  kit::Table table{
      "Exact mode: mean probabilities of answers (mass: of all integers to 15 before normalising)",
      {"arm", "items", "right", "M", "N", "N+M", "most probable is right", "mass"},
      {}};
  for (size_t begin = 0; begin < items.size();) {
    size_t end = begin;
    double right = 0, copied = 0, other = 0, sum = 0, best = 0, mass = 0;
    for (; end < items.size() && items[end].arm == items[begin].arm; ++end) {
      const IntegerDistribution& r = results[end];
      const Counts& c = items[end].counts;
      const double p = right_probability(items[end], r);
      right += p, mass += r.mass;
      copied += at(r, c.copied), other += at(r, c.other), sum += at(r, c.copied + c.other);
      best += p >= *std::max_element(r.probabilities.begin(), r.probabilities.end());
    }
    const auto n = static_cast<double>(end - begin);
    const bool numbers = !items[begin].attribute && items[begin].arm != "plus";
    const auto share = [&](double total) { return numbers ? format_number(total / n, 3) : std::string("-"); };
    table.rows.push_back({items[begin].arm, absl::StrCat(end - begin), format_number(right / n, 3),
                          share(copied), share(other), share(sum), format_number(best / n, 3),
                          format_number(mass / n, 3)});
    begin = end;
  }
  run.table(table);
}

void show_variations(const std::vector<ExactItem>& items, const std::vector<IntegerDistribution>& results,
                     kit::Run& run) {
  kit::Table table{"Exact mode: probability of the right answer, V1 to V4",
                   {"prompt type", "V1", "V2", "V3", "V4", "max - min", "R"},
                   {}};
  for (const PromptType type : kPromptTypes) {
    const std::vector<double> p =
        values(right_probabilities(items, results, absl::StrCat("variations ", name_of(type))));
    const auto [low, high] = std::minmax_element(p.begin(), p.end());
    std::vector<std::string> row = {name_of(type)};
    for (const double x : p) row.push_back(format_number(x, 3));
    row.push_back(format_number(*high - *low, 3)), row.push_back(format_number(1 - (*high - *low), 3));
    table.rows.push_back(row);
  }
  run.table(table);
}

void show_cells(const std::vector<TypeStatistics>& types, kit::Run& run) {
  kit::Table table{"Sampled mode: correct response rates (Wilson 95 %, Beta by moments)",
                   {"prompt type", "variation", "right", "rate", "low", "high", "alpha", "beta"},
                   {}};
  kit::Chart chart{"Beta distributions of correct response rates", "correct response rate", "density", {}};
  for (const TypeStatistics& t : types) {
    for (const Cell& cell : t.cells) {
      const stats::Interval wilson = stats::wilson_interval(cell.right, cell.trials);
      const auto beta = beta_of(cell);
      table.rows.push_back({t.type, cell.variation, absl::StrCat(cell.right, "/", cell.trials),
                            format_number(cell.rate(), 3), format_number(wilson.low, 3),
                            format_number(wilson.high, 3), beta ? format_number(beta->alpha, 3) : "point",
                            beta ? format_number(beta->beta, 3) : "point"});
      if (!beta || chart.series.size() >= 8) continue;
      kit::Series& series = chart.series.emplace_back();
      series.label = absl::StrCat(t.type, " ", cell.variation);
      for (double x = 0.005; x < 1; x += 0.01) series.x.push_back(x), series.y.push_back(beta->density(x));
    }
  }
  run.table(table);
  if (!chart.series.empty()) run.chart(chart);
}

void show_types(const std::vector<TypeStatistics>& types, kit::Run& run) {
  kit::Table table{"Sampled mode: fluctuation over variations",
                   {"prompt type", "mean rate", "max - min", "95 % limit", "p (range)", "chi-square", "p",
                    "deviation", "R"},
                   {}};
  kit::Table kinds{"Sampled mode: what is answered (shares of responses)", {"prompt type"}, {}};
  for (int k = 0; k < kKinds; ++k) kinds.columns.push_back(name_of(static_cast<Kind>(k)));
  kinds.columns.push_back("mean bytes"), kinds.columns.push_back("confident of wrong");
  for (const TypeStatistics& t : types) {
    std::vector<double> rates;
    for (const Cell& cell : t.cells) rates.push_back(cell.rate());
    const Fluctuation& f = t.fluctuation;
    std::vector<std::string> row = {t.type, format_number(mean(rates), 3)};
    if (t.fluctuates()) {
      for (const double x :
           {f.range, t.range_limit, t.range_p(), f.statistic, f.p_value, f.deviation, 1 - f.range})
        row.push_back(format_number(x, 3));
    }
    table.rows.push_back(row);
    const auto trials = static_cast<double>(std::accumulate(t.kinds.begin(), t.kinds.end(), int64_t{0}));
    std::vector<std::string> shares = {t.type};
    for (const int64_t count : t.kinds)
      shares.push_back(format_number(static_cast<double>(count) / trials, 3));
    shares.push_back(format_number(t.mean_length, 3));
    shares.push_back(
        t.wrong == 0
            ? "-"
            : format_number(static_cast<double>(t.confident_wrong) / static_cast<double>(t.wrong), 3));
    kinds.rows.push_back(shares);
  }
  run.table(table);
  run.table(kinds);
}

void show_responses(const std::vector<SampledItem>& items, const std::vector<Responses>& responses,
                    kit::Run& run) {
  kit::Table table{
      "Sampled mode: the first response to some prompts", {"prompt", "right", "parsed", "response"}, {}};
  for (size_t i = 0; i < items.size() && table.rows.size() < 8; ++i) {
    if (responses[i].texts.empty()) continue;
    const std::string& text = responses[i].texts[0];
    table.rows.push_back({absl::StrCat(items[i].type, " ", items[i].variation), items[i].right_answer,
                          parse_answer(text).value_or("-"), kit::printable(text.substr(0, 200))});
  }
  run.table(table);
}

// Claims that are named in two places.
// By cell, of the three controls with a number.
std::vector<double> mean_of_controls(const std::vector<ExactItem>& items,
                                     const std::vector<IntegerDistribution>& results) {
  std::vector<double> controls;
  for (const char* arm : {"siblings", "sister's brothers", "girls"}) {
    const std::vector<double> p = values(right_probabilities(items, results, arm));
    controls.resize(p.size(), 0);
    for (size_t i = 0; i < p.size(); ++i) controls[i] += p[i] / 3;
  }
  return controls;
}

constexpr char kControlsMinusAiw[] = "exact mode: probability of the right answer, controls minus AIW";
constexpr char kFluctuates[] =
    "sampled mode: rates fluctuate over variations, p-value of the range under equal rates, least of the "
    "prompt types";

}  // namespace

absl::Status claim_without_model(const absl::Status& why, kit::Run& run) {
  run.print(absl::StrCat("Part A is left out: ", why.message(), "\n"));
  for (const auto& [text, relation] :
       {std::pair(kControlsMinusAiw, kit::above(0)), std::pair(kFluctuates, kit::below(0.05))}) {
    ROUX_RETURN_IF_ERROR(run.claim({.text = text,
                                    .relation = relation,
                                    .scale = "SmolLM2",
                                    .not_testable = "the model is not there: recipes/data/fetch smollm2"}));
  }
  return absl::OkStatus();
}

absl::Status claim_what_needs_other_models(kit::Run& run) {
  ROUX_RETURN_IF_ERROR(
      run.claim({.text = "correct response rate of Llama-2-70B-chat, the best of the open models",
                 .paper = 0.3,
                 .relation = kit::within(0.2, 0.4),
                 .scale = "70B parameters",
                 .evidence = kit::Evidence::kPaperScale,
                 .not_testable =
                     "the model is not here: --preset=gpu --model=PATH, or --table=FILE with trials of it"}));
  return run.claim({.text = "the rank of models by MMLU does not predict their rank by AIW, Kendall's tau",
                    .relation = kit::below(0.5),
                    .scale = "ten or more models",
                    .evidence = kit::Evidence::kPaperScale,
                    .not_testable = "needs several models: --table=FILE --benchmarks=CSV prints it"});
}

std::string controls_unsolved(const std::vector<ExactItem>& items,
                              const std::vector<IntegerDistribution>& results) {
  const double solved = mean(mean_of_controls(items, results));
  if (solved >= 0.5) return "";
  return absl::StrCat("controls are not solved (mean probability ", format_number(solved, 3),
                      ", needed 0.5): a larger model by --model=PATH");
}

absl::Status report_exact(const std::string& scale, const std::vector<ExactItem>& items,
                          const std::vector<IntegerDistribution>& results, kit::Run& run) {
  show_arms(items, results, run);
  show_variations(items, results, run);

  const auto right = [&](const char* arm) { return right_probabilities(items, results, arm); };
  const ByCell standard = right("standard"), restricted = right("restricted");
  const std::vector<double> aiw = values(standard), plus = values(right("plus"));
  const std::vector<double> controls = mean_of_controls(items, results);
  const std::string unsolved = controls_unsolved(items, results);
  const kit::ItemOptions cells{.unit = "cell (N, M)", .group = numbers_of(standard)};
  // Of the arms that are asked in one order.
  const kit::ItemOptions one_order{.unit = "cell (N, M)", .group = numbers_of(restricted)};
  const auto claim = [&](const std::string& text, const kit::Measurement& measured, kit::Relation relation,
                         const std::string& not_testable, std::optional<double> paper = {}) {
    return run.claim({.text = text,
                      .paper = paper,
                      .measured = measured,
                      .relation = relation,
                      .scale = scale,
                      .not_testable = not_testable});
  };
  ROUX_RETURN_IF_ERROR(
      claim(kControlsMinusAiw, kit::paired_items(controls, aiw, cells), kit::above(0), unsolved));
  ROUX_RETURN_IF_ERROR(claim("exact mode: controls are solved, mean probability of the right number",
                             kit::over_items(controls, cells), kit::above(0.9), "", 1.0));
  ROUX_RETURN_IF_ERROR(claim("exact mode: attribute binding, mean probability of \"female\"",
                             kit::over_items(values(right("attribute")), one_order), kit::above(0.9), "",
                             1.0));
  ROUX_RETURN_IF_ERROR(
      claim("exact mode: THINKING does not remove the breakdown, mean probability of the right answer",
            kit::over_items(values(right("thinking")), one_order), kit::below(0.5), unsolved));
  ROUX_RETURN_IF_ERROR(claim("exact mode: probability of the right answer, STANDARD minus RESTRICTED",
                             kit::paired_items(values(standard, restricted), values(restricted), one_order),
                             kit::above(0), unsolved));
  ROUX_RETURN_IF_ERROR(claim(
      "exact mode: a request to check a wrong answer rarely mends it, mean probability of the right one",
      kit::over_items(values(right("recheck")), one_order), kit::below(0.5), unsolved));
  return claim("exact mode: probability of the right answer, AIW minus AIW+",
               kit::measured(stats::welch_interval(aiw, plus), "problem",
                             static_cast<int64_t>(aiw.size() + plus.size())),
               kit::above(0), unsolved);
}

absl::Status report_sampled(const std::string& scale, const std::vector<SampledItem>& items,
                            const std::vector<Responses>& responses, const std::string& unsolved,
                            kit::Run& run) {
  const std::vector<TypeStatistics> types = statistics_of(items, responses);
  show_cells(types, run);
  show_types(types, run);
  show_responses(items, responses, run);

  int64_t right = 0, trials = 0, wrong = 0, confident = 0;
  double length = 0;
  const TypeStatistics* strongest = nullptr;  // the prompt type with the least p-value
  for (const TypeStatistics& t : types) {
    for (const Cell& cell : t.cells) right += cell.right, trials += cell.trials;
    wrong += t.wrong, confident += t.confident_wrong;
    length = std::max(length, t.mean_length);
    if (t.fluctuates() && (strongest == nullptr || t.draws_as_large < strongest->draws_as_large))
      strongest = &t;
  }
  ROUX_RETURN_IF_ERROR(
      run.claim({.text = "sampled mode: AIW correct response rate is low",
                 .paper = 0.2,
                 .measured = kit::measured(stats::wilson_interval(right, trials), "trial", trials),
                 .relation = kit::below(0.2),
                 .scale = scale,
                 .not_testable = unsolved}));
  if (strongest != nullptr) {
    const stats::Interval p = stats::wilson_interval(strongest->draws_as_large, kRangeDraws);
    ROUX_RETURN_IF_ERROR(run.claim({.text = kFluctuates,
                                    .measured = kit::measured(p, "draw", kRangeDraws),
                                    .relation = kit::below(0.05),
                                    .scale = absl::StrCat(scale, ", ", strongest->type),
                                    .not_testable = unsolved}));
  }
  // The opening of a response says nothing of its confidence.
  const bool complete = length >= 100 && wrong >= 10;
  return run.claim(
      {.text = "sampled mode: wrong answers sound confident, share of them",
       .measured =
           wrong > 0 ? std::optional(kit::measured(stats::wilson_interval(confident, wrong), "trial", wrong))
                     : std::nullopt,
       .relation = kit::above(0.5),
       .scale = scale,
       .not_testable = complete ? unsolved : "responses are cut short here: --preset=long lets them end"});
}

}  // namespace roux::alice
