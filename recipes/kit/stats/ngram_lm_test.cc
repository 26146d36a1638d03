#include "recipes/kit/stats/ngram_lm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using Tokens = std::vector<int32_t>;

TEST(NgramLmTest, EqualsTheFormulaOverCounts) {
  const auto golden =
      nlohmann::json::parse(*kit::read_text(*kit::find_runfile("tests/golden/text_models.json")))["ngram_lm"];
  const auto test = golden["test"].get<Tokens>();
  const auto vocab_size = golden["vocab_size"].get<int64_t>();
  ASSERT_EQ(golden["models"].size(), 4u);
  for (const auto& expected : golden["models"]) {
    NgramLm lm({.order = expected["order"].get<int64_t>(), .vocab_size = vocab_size});
    for (const auto& sequence : golden["sequences"]) lm.add(sequence.get<Tokens>());
    const std::span<const int32_t> tokens(test);
    for (size_t i = 0; i < test.size(); ++i) {
      const double p = lm.probability(tokens.first(i), test[i]);
      EXPECT_NEAR(p, expected["probabilities"][i].get<double>(), 1e-14) << lm.order() << " " << i;
      const std::vector<double> all = lm.distribution(tokens.first(i));
      EXPECT_NEAR(all[static_cast<size_t>(test[i])], p, 1e-15);
      double sum = 0;
      for (const double value : all) {
        EXPECT_GT(value, 0);
        sum += value;
      }
      EXPECT_NEAR(sum, 1, 1e-14);
    }
    EXPECT_NEAR(lm.log_likelihood(tokens), expected["log_likelihood"].get<double>(), 1e-11);
  }
}

TEST(NgramLmTest, ByHand) {
  NgramLm lm({.order = 2, .vocab_size = 4});
  EXPECT_EQ(lm.probability({}, 3), 0.25) << "nothing was seen: uniform";
  lm.add(Tokens{0, 1, 0, 1, 0, 2});
  // Unigrams: counts 3, 2, 1 of 6, three types, lower 1/4.
  const auto unigram = [](double count) { return (count + 3 * 0.25) / (6 + 3); };
  EXPECT_NEAR(lm.probability({}, 3), unigram(0), 1e-16);
  // After 0: 1 twice and 2 once.
  const Tokens zero = {0}, three = {3};
  EXPECT_NEAR(lm.probability(zero, 1), (2 + 2 * unigram(2)) / (3 + 2), 1e-16);
  EXPECT_NEAR(lm.probability(zero, 3), 2 * unigram(0) / (3 + 2), 1e-16);
  EXPECT_NEAR(lm.probability(three, 1), unigram(2), 1e-16) << "a context that was not seen";
  EXPECT_EQ(lm.contexts(), 3);
}

TEST(NgramLmTest, SequencesDoNotRunIntoOneAnother) {
  NgramLm apart({.order = 3, .vocab_size = 3}), joined({.order = 3, .vocab_size = 3});
  apart.add(Tokens{0, 1});
  apart.add(Tokens{2});
  joined.add(Tokens{0, 1, 2});
  const Tokens context = {0, 1};
  EXPECT_GT(joined.probability(context, 2), apart.probability(context, 2));
}

TEST(NgramLmTest, RefusesIdsOutsideTheVocabulary) {
  EXPECT_THROW(NgramLm({.order = 0, .vocab_size = 3}), Error);
  EXPECT_THROW(NgramLm({.order = 33, .vocab_size = 3}), Error);
  EXPECT_THROW(NgramLm({.order = 2}), Error);
  NgramLm lm({.order = 2, .vocab_size = 3});
  EXPECT_THROW(lm.add(Tokens{0, 3}), Error);
  EXPECT_THROW(lm.add(Tokens{-1}), Error);
  EXPECT_EQ(lm.contexts(), 1) << "nothing is counted of a sequence that is refused";
  EXPECT_THROW(lm.probability(Tokens{3}, 0), Error);
  EXPECT_THROW(lm.probability({}, 3), Error);
  EXPECT_THROW(lm.distribution(Tokens{-1}), Error);
}

}  // namespace
}  // namespace roux::stats
