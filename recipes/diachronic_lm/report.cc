#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "recipes/diachronic_lm/study.h"
#include "recipes/kit/eval/ranking.h"
#include "recipes/kit/run/claim_list.h"
#include "tensor/error.h"

namespace roux::diachronic_lm {
namespace {

using kit::minus;
using Numbers = kit::SeedValues;

constexpr int64_t kFloor = 15;     // occurrences of a word in the two test texts
constexpr double kLevel = 0.05;    // of false discoveries
constexpr size_t kListed = 30;     // first words of a ranking
constexpr int64_t kReach = 4;      // of neighbours
constexpr double kLetters = -4.1;  // log2-probability a byte by the frequencies of letters alone
constexpr double kLearnt = 3;      // bits a byte; frequencies of tokens alone give some 3.4

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(std::max<size_t>(1, x.size()));
}

// Of letters, frequent in the two test texts together, and not mostly with a capital.
std::set<std::string> candidates(const World& world) {
  std::map<std::string, std::pair<int64_t, int64_t>> all;
  for (const Slice* slice : {&world.slices.front(), &world.slices.back()})
    for (const Word& word : slice->test_words) ++all[word.text].first, all[word.text].second += word.capital;
  std::set<std::string> words;
  for (const auto& [word, count] : all)
    if (count.first >= kFloor && 2 * count.second <= count.first &&
        std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
      words.insert(word);
  return words;
}

double known_among(const std::vector<std::string>& ranked, size_t first) {
  return static_cast<double>(
      std::count_if(ranked.begin(), ranked.begin() + static_cast<int64_t>(std::min(first, ranked.size())),
                    is_known_change));
}

double auc(const World& world, const std::vector<double>& scores) {
  std::vector<int64_t> planted(world.nouns.size());
  std::fill_n(planted.begin(), world.planted.size(), 1);
  return kit::roc_auc(planted, scores);
}

std::vector<double> by_neighbours(const World& world) {
  std::vector<std::string> before, after;
  for (size_t s = 0; s < world.slices.size(); ++s)
    for (const Word& word : words_of(world.slices[s].train))
      (s < world.late ? before : after).push_back(word.text);
  return neighbour_changes(before, after, world.nouns, kReach);
}

// The claims; thresholds were written before the reported seeds were run.
class Claims {
 public:
  Claims(const Outcomes& o, const std::vector<uint64_t>& seeds)
      : o_(o),
        seeds_(seeds.size()),
        slices_(o.world.slices.size()),
        claims_(seeds,
                absl::StrCat(parameters(o.config), " parameters, ", slices_, " slices, ",
                             o.config.steps * o.config.batch * o.config.decoder.length, " tokens a model")) {
    unlearnt_ = unlearnt();
    periods(), leakage(), change(), others();
  }
  const std::vector<kit::Claim>& all() const { return claims_.all(); }

 private:
  Numbers each(const std::function<double(size_t)>& f) const { return kit::each_seed(seeds_, f); }
  Numbers of_grid(double (*f)(const Grid&), const std::string& kind) const {
    return each([&](size_t s) { return f(o_.grid(kind, s)); });
  }
  Numbers mean(const std::string& kind, double Outcome::*field, size_t slices) const {
    return each([&](size_t s) { return o_.mean(kind, field, slices, s); });
  }
  Numbers own_bits(const std::string& kind) const {
    return each([&](size_t s) {
      const Grid grid = o_.grid(kind, s);
      double sum = 0;
      for (size_t i = 0; i < slices_; ++i) sum += grid[i][i] / static_cast<double>(slices_);
      return sum;
    });
  }

  std::string unlearnt() const {
    for (const char* kind : {"student", "shared", "dora"}) {
      const double bits = mean_of(own_bits(kind));
      if (bits > kLearnt)
        return absl::StrFormat(
            "%s models have %.2f bits a byte of their slice, %.1f are needed; --set steps=%d", kind, bits,
            kLearnt, 2 * o_.config.steps);
    }
    return "";
  }

  void periods() {
    const kit::ClaimOptions options{.not_testable = unlearnt_};
    claims_.add(
        "each text is best predicted by its slice's model, battery A: share of the other models that are "
        "worse",
        of_grid(diagonal_dominance, "student"), kit::above(0.9),
        {.not_testable = unlearnt_, .bounds = {0, 1}});
    const Numbers b = of_grid(separation, "dora");
    claims_.add(
        "models from scratch part periods more than fine-tuned ones: separation in bits a byte, A minus "
        "B",
        minus(of_grid(separation, "student"), b), kit::above(0), options);
    claims_.add("so do models from scratch with the base's vocabulary: separation, shared minus B",
                minus(of_grid(separation, "shared"), b), kit::above(0), options);
    claims_.add("bits grow with the distance of slices, battery A: rank correlation with |i - j|",
                of_grid(growth_with_distance, "student"), kit::above(0),
                {.not_testable = unlearnt_, .bounds = {-1, 1}});
  }

  void leakage() {
    const size_t early = o_.world.frames.size();
    kit::ClaimOptions options{.not_testable = unlearnt_};
    for (const Frames& frames : o_.world.frames)
      if (frames.own_and_later.size() < 8)
        options.not_testable = "fewer than eight later words of a slice; more text";
    for (const char* kind : {"student", "shared", "dora"}) {
      const double own = mean_of(mean(kind, &Outcome::own, early));
      if (options.not_testable.empty() && !(own > kLetters))
        options.not_testable = absl::StrFormat(
            "%s models give words of their slice %.2f bits a byte, letters alone %.1f; --set steps=%d", kind,
            own, kLetters, 2 * o_.config.steps);
    }
    const auto later = [&](const char* kind) { return mean(kind, &Outcome::later, early); };
    const auto margin = [&](const char* kind) {
      return minus(mean(kind, &Outcome::own, early), later(kind));
    };
    claims_.add("models from scratch give later words less probability: log2 a byte, A minus B",
                minus(later("student"), later("dora")), kit::below(0), options);
    claims_.add("they tell their slice's words from later ones better: margin in log2 a byte, A minus B",
                minus(margin("student"), margin("dora")), kit::above(0), options);
    claims_.add("so do models from scratch with the base's vocabulary: margin, shared minus B",
                minus(margin("shared"), margin("dora")), kit::above(0), options);
  }

  void change() {
    const World& world = o_.world;
    const std::string few =
        world.planted.size() >= 8
            ? unlearnt_
            : absl::StrCat("only ", world.nouns.size(), " nouns are frequent in both periods; more text");
    const auto surprisal = [&](size_t s) { return auc(world, sense_changes(o_, s)); };
    claims_.add("exchanged nouns are found among others by surprisal: AUC", surprisal, kit::above(0.7),
                {.not_testable = few, .bounds = {0, 1}});
    claims_.add("better than by the change of their neighbours in the text: AUC, difference",
                [&](size_t s) { return surprisal(s) - auc(world, by_neighbours(world)); }, kit::above(0),
                {.not_testable = few, .bounds = {-1, 1}});
    const std::set<std::string> words = candidates(world);
    const std::string none = known_among({words.begin(), words.end()}, words.size()) < 10
                                 ? "fewer than ten of the known changes are in the texts; more text"
                                 : unlearnt_;
    const auto known = [&](size_t s) { return known_among(by_surprisal(o_, s), kListed); };
    claims_.add("surprisal finds known changes between the first and the last slice: of its first 30 words",
                known, kit::at_least(5), {.not_testable = none});
    claims_.add("more of them than frequencies find: of the first 30 words, difference",
                [&](size_t s) { return known(s) - known_among(by_frequency(world), kListed); }, kit::above(0),
                {.not_testable = none});
  }

  void others() {
    const Numbers t1 = own_bits("teacher1"), t2 = own_bits("teacher2"), student = own_bits("student");
    claims_.add(
        "the student, with its weight decay, is better than its teachers: bits a byte of the slice's text, "
        "student minus their mean",
        each([&](size_t s) { return student[s] - (t1[s] + t2[s]) / 2; }), kit::below(0),
        {.not_testable = unlearnt_});
    claims_.untested(
        "battery A trains in less time than DoRA of an 8B model", kit::below(0),
        "the base here is as small as the students; Llama 3 8B is not here, and no command brings it");
    claims_.untested(
        "fine-tuned models are better on BLiMP; cloze of quotations for novel senses", kit::above(0),
        "neither is in a package, and a base no larger than the students has no more grammar to give");
  }

  const Outcomes& o_;
  const size_t seeds_, slices_;
  std::string unlearnt_;
  kit::ClaimList claims_;
};

std::string three(double x) { return absl::StrFormat("%.3f", x); }

kit::Table grid_table(const Outcomes& o, const std::string& kind, const std::string& title, size_t seeds) {
  kit::Table table{title, {"model of"}, {}};
  for (size_t i = 0; i < o.world.slices.size(); ++i) {
    table.columns.push_back(o.world.slices[i].name);
    table.rows.push_back({o.world.slices[i].name});
    for (size_t j = 0; j < o.world.slices.size(); ++j)
      table.rows[i].push_back(
          three(mean_of(kit::each_seed(seeds, [&](size_t s) { return o.of(kind, i, s).bits[j]; }))));
  }
  return table;
}

kit::Table models_table(const Outcomes& o, size_t seeds) {
  kit::Table table{"Models, mean over slices and seeds",
                   {"models", "bits, tuning text", "log2, own words", "log2, later words"},
                   {}};
  for (const char* kind : {"teacher1", "student", "shared", "dora"}) {
    const auto add = [&](double Outcome::*field, size_t slices) {
      const auto of_seed = [&](size_t s) { return o.mean(kind, field, slices, s); };
      table.rows.back().push_back(three(mean_of(kit::each_seed(seeds, of_seed))));
    };
    table.rows.push_back({kind});
    add(&Outcome::dev_bits, o.world.slices.size());
    if (std::string(kind) == "teacher1") continue;
    add(&Outcome::own, o.world.frames.size()), add(&Outcome::later, o.world.frames.size());
  }
  const auto bits = [](const Outcome& base) { return base.dev_bits; };
  table.rows.push_back({"base", three(mean_of(o.results.values("base", bits))), "-", "-"});
  return table;
}

kit::Chart distance_chart(const Outcomes& o, size_t seeds) {
  kit::Chart chart{"Bits by the distance of model and text", "distance |i - j| (slices)", "bits a byte", {}};
  for (const auto& [kind, label] : {std::pair{"student", "A: students"}, std::pair{"dora", "B: DoRA"},
                                    std::pair{"shared", "from scratch, base's vocabulary"}}) {
    for (size_t s = 0; s < seeds; ++s) {
      const Grid grid = o.grid(kind, s);
      std::vector<std::vector<double>> at(grid.size());
      for (size_t i = 0; i < grid.size(); ++i)
        for (size_t j = 0; j < grid.size(); ++j) at[std::max(i, j) - std::min(i, j)].push_back(grid[i][j]);
      kit::Series series{label, {}, {}};
      for (size_t d = 0; d < at.size(); ++d)
        series.x.push_back(static_cast<double>(d)), series.y.push_back(mean_of(at[d]));
      chart.series.push_back(series);
    }
  }
  return chart;
}

std::string listed(const std::vector<std::string>& ranked,
                   const std::function<bool(const std::string&)>& starred) {
  std::vector<std::string> shown;
  for (size_t k = 0; k < std::min(kListed, ranked.size()); ++k)
    shown.push_back(ranked[k] + (starred(ranked[k]) ? "*" : ""));
  return absl::StrJoin(shown, " ");
}

}  // namespace

const Outcome& Outcomes::of(const std::string& kind, size_t slice, size_t seed) const {
  return *results.of(absl::StrCat(kind, ".", world.slices[slice].name)).at(seed);
}

Grid Outcomes::grid(const std::string& kind, size_t seed) const {
  Grid grid;
  for (size_t i = 0; i < world.slices.size(); ++i) grid.push_back(of(kind, i, seed).bits);
  return grid;
}

double Outcomes::mean(const std::string& kind, double Outcome::*field, size_t slices, size_t seed) const {
  double sum = 0;
  for (size_t i = 0; i < slices; ++i) sum += of(kind, i, seed).*field / static_cast<double>(slices);
  return sum;
}

std::vector<double> sense_changes(const Outcomes& o, size_t seed) {
  const World& world = o.world;
  std::map<std::string, std::array<std::vector<Surprisals>, 2>> in;  // early and late text
  for (const std::string& noun : world.nouns) in[noun];
  for (size_t text = 0; text < world.slices.size(); ++text) {
    for (size_t w = 0; w < world.slices[text].test_words.size(); ++w) {
      const auto found = in.find(world.slices[text].test_words[w].text);
      if (found == in.end()) continue;
      std::array<std::vector<double>, 2> bits;  // of early and late models
      bool scored = true;
      for (size_t model = 0; model < world.slices.size(); ++model) {
        bits[model < world.late ? 0 : 1].push_back(o.of("student", model, seed).words[text][w]);
        scored = scored && o.of("student", model, seed).words[text][w] >= 0;
      }
      if (scored) found->second[text < world.late ? 0 : 1].push_back({mean_of(bits[0]), mean_of(bits[1])});
    }
  }
  std::vector<double> scores;
  for (const std::string& noun : world.nouns) scores.push_back(sense_change(in[noun][0], in[noun][1]));
  return scores;
}

std::vector<std::string> by_surprisal(const Outcomes& o, size_t seed) {
  const std::set<std::string> words = candidates(o.world);
  const size_t last = o.world.slices.size() - 1;
  Differences differences;
  for (const size_t text : {size_t{0}, last}) {
    const std::vector<double>& own = o.of("student", text, seed).words[text];
    const std::vector<double>& other = o.of("student", last - text, seed).words[text];
    for (size_t w = 0; w < own.size(); ++w) {
      const std::string& word = o.world.slices[text].test_words[w].text;
      if (own[w] >= 0 && other[w] >= 0 && words.contains(word))
        differences[word].push_back(other[w] - own[w]);
    }
  }
  std::erase_if(differences, [](const auto& entry) { return entry.second.size() < 2; });
  return changed_words(differences, kLevel);
}

std::vector<std::string> by_frequency(const World& world) {
  const auto log_share = [](const Slice& slice, const std::string& word) {
    double all = 0;
    for (const auto& [other, count] : slice.counts) all += static_cast<double>(count);
    const auto found = slice.counts.find(word);
    return std::log((0.5 + (found == slice.counts.end() ? 0 : static_cast<double>(found->second))) / all);
  };
  std::vector<std::pair<double, std::string>> ranked;
  for (const std::string& word : candidates(world))
    ranked.emplace_back(
        -std::abs(log_share(world.slices.front(), word) - log_share(world.slices.back(), word)), word);
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> words;
  for (const auto& [minus_ratio, word] : ranked) words.push_back(word);
  return words;
}

absl::Status judge(const Outcomes& outcomes, kit::Run& run) {
  return run.claim_all(Claims(outcomes, run.seeds()).all());
}

absl::Status report(const Outcomes& o, kit::Run& run) {
  const World& world = o.world;
  const size_t seeds = run.seeds().size();
  run.name_metric("loss", "training loss (nats a token; of students with the divergence)");
  run.name_metric("dev_bits", "bits a byte of the tuning text");
  run.table(grid_table(o, "student", "Battery A, students: bits a byte of test texts (columns)", seeds));
  run.table(grid_table(o, "dora", "Battery B, DoRA: the same", seeds));
  run.table(grid_table(o, "shared", "From scratch with the base's vocabulary: the same", seeds));
  run.table(models_table(o, seeds));
  kit::Table changed{
      "Words that changed most from the first to the last slice (* known beforehand)", {"by", "words"}, {}};
  kit::Table senses{absl::StrCat("Nouns whose sense changed most, of ", world.nouns.size(), " (* exchanged)"),
                    {"by", "AUC", "nouns"},
                    {}};
  const auto add_senses = [&](const std::string& by, const std::vector<double>& scores) {
    std::vector<size_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    std::vector<std::string> ranked;
    for (const size_t i : order) ranked.push_back(world.nouns[i]);
    const auto planted = [&](const std::string& noun) {
      return std::find(world.planted.begin(), world.planted.end(), noun) != world.planted.end();
    };
    senses.rows.push_back(
        {by, world.planted.empty() ? "-" : three(auc(world, scores)), listed(ranked, planted)});
  };
  const auto add_changed = [&](const std::string& by, const std::vector<std::string>& ranked) {
    changed.rows.push_back({by, listed(ranked, is_known_change)});
  };
  for (size_t s = 0; s < seeds; ++s) {
    const std::string by = absl::StrCat("surprisal, seed ", run.seeds()[s]);
    add_senses(by, sense_changes(o, s)), add_changed(by, by_surprisal(o, s));
  }
  add_senses("neighbours", by_neighbours(world)), add_changed("frequency", by_frequency(world));
  run.table(senses), run.table(changed);
  run.chart(distance_chart(o, seeds));
  return absl::OkStatus();
}

}  // namespace roux::diachronic_lm
