#include "recipes/alice_in_wonderland/method.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "recipes/alice_in_wonderland/problems.h"
#include "recipes/kit/stats/intervals.h"
#include "tensor/error.h"
#include "tests/golden/recipe_values.h"

namespace roux::alice {
namespace {

golden::Values reference() { return golden::Values::of_recipe("alice_in_wonderland"); }

std::vector<Cell> cells(const std::vector<int64_t>& right, const std::vector<int64_t>& trials) {
  std::vector<Cell> out;
  for (size_t i = 0; i < right.size(); ++i) out.push_back({"", "", right[i], trials[i]});
  return out;
}
std::vector<Cell> cells(const std::vector<int64_t>& right, int64_t trials) {
  return cells(right, std::vector<int64_t>(right.size(), trials));
}

TEST(Problems, AnswersAreThoseOfTheReferenceFamilies) {
  for (const golden::Values& c : reference()["families"].items()) {
    const auto found = answers(c["girl"].integer() != 0, c["brothers"].integer(), c["sisters"].integer());
    EXPECT_EQ(std::vector<int64_t>(found.begin(), found.end()), c["answers"].integers());
  }
}

TEST(Problems, ClosedFormsOfTheCounts) {
  for (int64_t n = 1; n <= 9; ++n) {
    for (int64_t m = 1; m <= 9; ++m) {
      Problem p{.brothers = n, .sisters = m};
      EXPECT_TRUE(crossed(p));
      EXPECT_EQ(answer(p), m + 1);
      EXPECT_EQ(copied_count(p), m);
      const Problem bob{
          .name = "Bob", .girl = false, .brothers = n, .sisters = m, .asked = Asked::kBrothersOfSister};
      EXPECT_TRUE(crossed(bob));
      EXPECT_EQ(answer(bob), n + 1);
      EXPECT_EQ(copied_count(bob), n);
      p.asked = Asked::kSiblings;
      EXPECT_EQ(answer(p), n + m);
      p.asked = Asked::kBrothersOfSister;
      EXPECT_FALSE(crossed(p));
      EXPECT_EQ(answer(p), n);
      p.asked = Asked::kGirls;
      EXPECT_EQ(answer(p), m + 1);
    }
  }
  EXPECT_THROW(answers(true, 0, 1), Error);
}

// AIW Light's controls with the numbers of its figure: the totals of siblings are the answers of V1 to V4.
std::vector<Problem> light_variations(Asked asked) {
  return {{.brothers = 3, .sisters = 4, .asked = asked},
          {.brothers = 1, .sisters = 2, .sisters_first = true, .asked = asked},
          {.brothers = 1, .sisters = 4, .sisters_first = true, .asked = asked},
          {.brothers = 1, .sisters = 1, .asked = asked}};
}

TEST(Problems, VariationsAndControlsOfThePaper) {
  const int64_t gold[] = {7, 3, 5, 2}, totals[] = {9, 6, 5, 5};
  const char* first[] = {
      "Alice has 3 brothers and she also has 6 sisters. How many sisters does Alice's brother have?",
      "Alice has 2 sisters and she also has 4 brothers. How many sisters does Alice's brother have?",
      "Alice has 4 sisters and she also has 1 brother. How many sisters does Alice's brother have?",
      "Alice has 4 brothers and she also has 1 sister. How many sisters does Alice's brother have?"};
  for (size_t i = 0; i < 4; ++i) {
    Problem p = aiw_variations()[i];
    EXPECT_EQ(answer(p), gold[i]);
    EXPECT_EQ(text(p), first[i]);
    p.asked = Asked::kSiblings;
    EXPECT_EQ(answer(p), totals[i]);
    EXPECT_EQ(answer(light_variations(Asked::kSiblings)[i]), gold[i]);
  }
  // AIW Light's other controls: brothers of the sister N, girls in total M + 1.
  const int64_t brothers[] = {3, 1, 1, 1}, girls[] = {5, 3, 5, 2};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(answer(light_variations(Asked::kBrothersOfSister)[i]), brothers[i]);
    EXPECT_EQ(answer(light_variations(Asked::kGirls)[i]), girls[i]);
  }
  EXPECT_EQ(text(light_variations(Asked::kSiblings)[3]),
            "Alice has 1 brother and she also has 1 sister. How many siblings does Alice have?");
  EXPECT_EQ(text(light_variations(Asked::kGirls)[0]),
            "Alice has 3 brothers and she also has 4 sisters. How many girls are there in total?");
  EXPECT_EQ(attribute_text(aiw_variations()[3]),
            "Alice has 4 brothers and she also has 1 sister. Is Alice male or female?");
}

TEST(Problems, AiwPlusOfThePaperAndOfTheReference) {
  const std::vector<PlusProblem> all = plus_variations();
  EXPECT_EQ(answer(all[0]), 7);
  EXPECT_EQ(answer(all[1]), 3);
  EXPECT_EQ(answer(all[2]), 5);
  for (const PlusProblem& p : all)
    EXPECT_EQ(answer(p), (p.nephews - p.sisters - 1) + p.children + (p.fathers_nephews - p.sisters - 1));
  for (const golden::Values& c : reference()["plus"].items()) {
    EXPECT_EQ(answer(PlusProblem{c["sisters"].integer(), c["nephews"].integer(), c["uncles"].integer(),
                                 c["fathers_nephews"].integer(), c["children"].integer()}),
              c["cousins"].integer());
  }
  EXPECT_EQ(text(all[2]),
            "Alice has 3 sisters. Her mother has 1 sister who does not have children - she has 7 nephews and "
            "nieces and "
            "also 2 brothers. Alice's father has a brother who has 5 nephews and nieces in total, and who "
            "has also 1 "
            "son. How many cousins does Alice's sister have?");
  EXPECT_THROW(answer(PlusProblem{.sisters = 3, .nephews = 3}), Error);
}

TEST(Problems, FramingsKeepTheNumbers) {
  Problem p{.brothers = 3, .sisters = 1};
  p.framing = Framing::kWords;
  EXPECT_EQ(
      text(p),
      "Alice has three brothers and she also has one sister. How many sisters does Alice's brother have?");
  p.framing = Framing::kLines;
  EXPECT_EQ(text(p),
            "Alice has 3 brothers and she also has 1 sister.\n\nHow many sisters does Alice's brother have?");
  p.framing = Framing::kFriends;
  EXPECT_EQ(text(p),
            "Alice has 3 male friends and she also has 1 female friend. All of them are friends of each "
            "other and have "
            "no further friends. How many female friends does a male friend of Alice have?");
  // Bob has two brothers: he is the third of Alice's.
  p.framing = Framing::kAliceAndBob;
  EXPECT_EQ(text(p),
            "Alice and Bob are sister and brother. Alice has 1 sister and Bob has 2 brothers. How many "
            "sisters does Bob "
            "have?");
  EXPECT_EQ(answer(p), 2);
  p.asked = Asked::kGirls;
  EXPECT_THROW(text(p), Error);
}

TEST(Parser, IsTheAuthors) {
  for (const golden::Values& c : reference()["parser"].items()) {
    EXPECT_EQ(parse_answer(c["response"].text()).value_or(""), c["parsed"].text()) << c["response"].text();
  }
  EXPECT_EQ(parse_answer("### Answer: 7"), "7");
  EXPECT_EQ(parse_answer("Answer: The answer is 7."), "7");
  EXPECT_EQ(parse_answer("Alice's brother has 7 sisters"), "7");
  EXPECT_EQ(parse_answer(""), std::nullopt);
  // Their runner takes line ends out before it matches, so "." does cross lines.
  EXPECT_EQ(parse_answer("### ANSWER:\n 12"), "12");
}

TEST(Parser, OneMoreThanASymbol) {
  for (const char* text : {"### Answer: M + 1", "M+1", "m +1", "it is 1 + M", "(M + 1) sisters"})
    EXPECT_TRUE(names_one_more(text, 'M')) << text;
  for (const char* text : {"M", "M + 12", "N + 1", "11 + M", "M - 1", ""})
    EXPECT_FALSE(names_one_more(text, 'M')) << text;
}

TEST(Kinds, TheFirstThatFits) {
  const Counts v1{7, 6, 3};
  const auto kind = [&](const char* response, const Counts& counts) {
    return kind_of(parse_answer(response), response, counts);
  };
  EXPECT_EQ(kind("Answer: 7", v1), Kind::kRight);
  EXPECT_EQ(kind("Answer: 6", v1), Kind::kForgot);
  EXPECT_EQ(kind("Answer: 3", v1), Kind::kOther);
  EXPECT_EQ(kind("Answer: 9", v1), Kind::kSum);
  EXPECT_EQ(kind("Answer: 10", v1), Kind::kSumAndOne);
  EXPECT_EQ(kind("Answer: 8", v1), Kind::kElse);
  EXPECT_EQ(kind("Seven, 7.", v1), Kind::kRightUnparsed);
  EXPECT_EQ(kind("17 or 70", v1), Kind::kUnparsed);
  // N = M + 1: right wins; N = M: the copy does.
  EXPECT_EQ(kind("Answer: 5", {5, 4, 5}), Kind::kRight);
  EXPECT_EQ(kind("Answer: 4", {5, 4, 4}), Kind::kForgot);
}

TEST(BetaDistribution, HasTheMomentsAndTheReferencesParameters) {
  for (const golden::Values& c : reference()["beta"].items()) {
    const double mean = c["mean"].number(), variance = c["variance"].number();
    const auto beta = match_beta(mean, variance);
    ASSERT_TRUE(beta);
    EXPECT_NEAR(beta->alpha, c["alpha"].number(), 1e-9 * c["alpha"].number());
    EXPECT_NEAR(beta->beta, c["beta"].number(), 1e-9 * c["beta"].number());
    const double sum = beta->alpha + beta->beta;
    EXPECT_NEAR(beta->alpha / sum, mean, 1e-12);
    EXPECT_NEAR(beta->alpha * beta->beta / (sum * sum * (sum + 1)), variance, 1e-12);
    const double at[] = {0.05, 0.3, 0.5, 0.77};
    const std::vector<double> density = c["density"].numbers();
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(beta->density(at[i]), density[i], 1e-9 * (density[i] + 1e-3));
  }
  const auto hand = match_beta(0.3, 0.3 * 0.7 / 60);
  EXPECT_NEAR(hand->alpha, 17.7, 1e-12);
  EXPECT_NEAR(hand->beta, 41.3, 1e-12);
  // A rate of n trials: alpha + beta = n - 1.
  const auto of_cell = beta_of({"", "", 7, 30});
  EXPECT_NEAR(of_cell->alpha + of_cell->beta, 29, 1e-12);
  EXPECT_FALSE(beta_of({"", "", 0, 30}));
  EXPECT_FALSE(beta_of({"", "", 30, 30}));
  EXPECT_FALSE(match_beta(0.5, 0.3));  // wider than any distribution on [0, 1]
  EXPECT_THROW(match_beta(1.5, 0.1), Error);
}

TEST(Wilson, IsTheReferencesAndTheHandValues) {
  for (const golden::Values& c : reference()["wilson"].items()) {
    const auto found = stats::wilson_interval(c["right"].integer(), c["trials"].integer());
    EXPECT_NEAR(found.low, c["low"].number(), 1e-9);
    EXPECT_NEAR(found.high, c["high"].number(), 1e-9);
    EXPECT_TRUE(found.low <= found.estimate && found.estimate <= found.high);
  }
  EXPECT_NEAR(stats::wilson_interval(0, 30).high, 0.1135, 5e-5);
  EXPECT_NEAR(stats::wilson_interval(30, 30).low, 0.8865, 5e-5);
  const auto half = stats::wilson_interval(15, 30);
  EXPECT_NEAR((half.low + half.high) / 2, 0.5, 1e-12);
}

TEST(Homogeneity, StatisticAndPValuesAreTheReferences) {
  for (const golden::Values& c : reference()["homogeneity"].items()) {
    const std::vector<int64_t> right = c["right"].integers(), trials = c["trials"].integers();
    const Fluctuation found = fluctuation(cells(right, trials));
    EXPECT_NEAR(found.statistic, c["statistic"].number(), 1e-9 * (1 + c["statistic"].number()));
    EXPECT_EQ(found.exact, c["exact"].integer() != 0);
    EXPECT_EQ(found.degrees, static_cast<int64_t>(right.size()) - 1);
    const bool equal =
        std::count(trials.begin(), trials.end(), trials[0]) == static_cast<int64_t>(trials.size());
    // Arrangements of unequal cells are drawn: three standard errors of 100,000.
    const double p = c["p"].number(),
                 allowed = !found.exact || equal ? 1e-9 : 3 * std::sqrt(p * (1 - p) / 1e5) + 1e-5;
    EXPECT_NEAR(found.p_value, p, allowed) << c["statistic"].number();
  }
  EXPECT_NEAR(fluctuation(cells({30, 0, 30, 0}, 30)).statistic, 120, 1e-12);
  EXPECT_EQ(fluctuation(cells({0, 0, 0, 0}, 30)).p_value, 1);
  EXPECT_THROW(fluctuation(cells({3}, 30)), Error);
  EXPECT_THROW(fluctuation(cells({3, 31}, 30)), Error);
}

TEST(Homogeneity, PValuesAreUniformUnderEqualRates) {
  stats::RandomStream random(5);
  int64_t below[3] = {};
  constexpr int64_t kTables = 4000;
  for (int64_t table = 0; table < kTables; ++table) {
    std::vector<int64_t> right(4, 0);
    for (int64_t& k : right)
      for (int trial = 0; trial < 60; ++trial) k += random.uniform() < 0.4;
    const double p = fluctuation(cells(right, 60)).p_value;
    below[0] += p < 0.05, below[1] += p < 0.25, below[2] += p < 0.5;
  }
  const double expected[] = {0.05, 0.25, 0.5};
  for (int i = 0; i < 3; ++i) {
    const double error = std::sqrt(expected[i] * (1 - expected[i]) / kTables);
    EXPECT_NEAR(static_cast<double>(below[i]) / kTables, expected[i], 4 * error) << i;
  }
}

TEST(Homogeneity, ManyCellsOfAModelAreCountedExactly) {
  // 24 cells of 12: by hand, one cell all wrong among right ones: 24 such arrangements have the largest
  // statistic.
  std::vector<int64_t> right(24, 12);
  right[5] = 0;
  const Fluctuation found = fluctuation(cells(right, 12));
  EXPECT_TRUE(found.exact);
  const double arrangements = std::exp(std::lgamma(289) - std::lgamma(13) - std::lgamma(277));  // C(288, 12)
  EXPECT_NEAR(found.p_value, 24 / arrangements, 1e-9 * 24 / arrangements);
}

TEST(Fluctuation, RangeDeviationAndRobustness) {
  for (const golden::Values& c : reference()["fluctuation"].items()) {
    const std::vector<Cell> all = cells(c["right"].integers(), c["trials"].integer());
    const Fluctuation found = fluctuation(all);
    EXPECT_NEAR(found.range, c["range"].number(), 1e-12);
    EXPECT_NEAR(found.deviation, c["deviation"].number(), 1e-12);
    EXPECT_NEAR(found.robustness(), c["robustness"].number(), 1e-12);
  }
}

// The reference enumerates all outcomes or sums their distribution.
TEST(RangeOfEqualRates, HasTheTailOfTheReference) {
  constexpr int64_t kDraws = 20000;
  stats::RandomStream random(2);
  int compared = 0;
  for (const golden::Values& c : reference()["range"].items()) {
    const int64_t n = c["cells"].integer(), trials = c["trials"].integer(),
                  observed = c["observed"].integer();
    const double right = c["p"].number() * static_cast<double>(n * trials);
    if (std::abs(right - std::round(right)) > 1e-9) continue;  // no counts have this rate
    std::vector<int64_t> counts(static_cast<size_t>(n), static_cast<int64_t>(std::round(right)) / n);
    counts[0] += static_cast<int64_t>(std::round(right)) % n;
    const std::vector<double> ranges = ranges_under_equal_rates(cells(counts, trials), kDraws, random);
    const auto at_least = std::count_if(ranges.begin(), ranges.end(), [&](double range) {
      return range > (static_cast<double>(observed) - 0.5) / static_cast<double>(trials);
    });
    const double tail = c["tail"].number();
    EXPECT_NEAR(static_cast<double>(at_least) / kDraws, tail, 4 * std::sqrt(tail * (1 - tail) / kDraws))
        << n << " cells of " << trials;
    ++compared;
  }
  EXPECT_EQ(compared, 6);
}

TEST(Confidence, IsReadFromALexicon) {
  EXPECT_TRUE(sounds_confident("Therefore Alice's brother has 6 sisters."));
  EXPECT_TRUE(sounds_confident("I double-checked it."));
  EXPECT_FALSE(sounds_confident("### Answer: 6"));
}

}  // namespace
}  // namespace roux::alice
