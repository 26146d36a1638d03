// Identities that the metrics keep, and what they do with empty, constant, tied and non-finite input.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "recipes/kit/eval/agreement.h"
#include "recipes/kit/eval/bleu.h"
#include "recipes/kit/eval/calibration.h"
#include "recipes/kit/eval/chrf.h"
#include "recipes/kit/eval/classification.h"
#include "recipes/kit/eval/distinct.h"
#include "recipes/kit/eval/edit_distance.h"
#include "recipes/kit/eval/likelihood.h"
#include "recipes/kit/eval/ngram_matches.h"
#include "recipes/kit/eval/pass_at_k.h"
#include "recipes/kit/eval/ranking.h"
#include "recipes/kit/eval/root_mean_squared_error.h"
#include "recipes/kit/eval/rouge.h"
#include "recipes/kit/eval/ter.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Strings = std::vector<std::string>;
using Ints = std::vector<int64_t>;
using Doubles = std::vector<double>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Words of few letters, so that they repeat.
std::string random_sentence(std::mt19937* rng, size_t words, uint32_t vocabulary) {
  std::string text;
  for (size_t i = 0; i < words; ++i) {
    text += (i ? " " : "") + std::string(1, static_cast<char>('a' + (*rng)() % vocabulary));
  }
  return text;
}

std::vector<Strings> singles(const Strings& references) {
  std::vector<Strings> lists;
  for (const std::string& r : references) lists.push_back({r});
  return lists;
}

TEST(Overlap, FullAgreement) {
  std::mt19937 rng(2);
  for (int round = 0; round < 20; ++round) {
    const Strings x = {random_sentence(&rng, 6 + rng() % 20, 8),
                       "Ein Satz, der bleibt: 3.5 % und 今天 🙂!"};
    EXPECT_NEAR(corpus_bleu(x, singles(x)).score, 100, 1e-9);
    EXPECT_NEAR(corpus_chrf(x, singles(x)), 100, 1e-9);
    EXPECT_NEAR(corpus_chrf(x, singles(x), {.word_order = 2}), 100, 1e-9);
    EXPECT_EQ(corpus_ter(x, singles(x)), 0);
    EXPECT_EQ(rouge_n(x[0], x[0], 2).f1, 1);
    EXPECT_EQ(rouge_l(x[0], x[0]).f1, 1);
    EXPECT_EQ(rouge_lsum(x[0], x[0], {.stem = true}).f1, 1);
  }
}

TEST(Overlap, OrderOfSegmentsAndOfReferences) {
  std::mt19937 rng(3);
  Strings h;
  std::vector<Strings> r;
  for (int i = 0; i < 12; ++i) {
    h.push_back(random_sentence(&rng, 5 + rng() % 9, 6));
    r.push_back({random_sentence(&rng, 5 + rng() % 9, 6), random_sentence(&rng, 5 + rng() % 9, 6)});
  }
  const double bleu = corpus_bleu(h, r).score, chrf = corpus_chrf(h, r), ter = corpus_ter(h, r);
  std::reverse(h.begin(), h.end());
  std::reverse(r.begin(), r.end());
  for (Strings& references : r) std::swap(references[0], references[1]);
  EXPECT_NEAR(corpus_bleu(h, r).score, bleu, 1e-9);
  EXPECT_NEAR(corpus_chrf(h, r), chrf, 1e-9);
  EXPECT_NEAR(corpus_ter(h, r), ter, 1e-9);
}

TEST(Overlap, BoundsAndSymmetry) {
  std::mt19937 rng(4);
  for (int round = 0; round < 60; ++round) {
    const std::string a = random_sentence(&rng, rng() % 12, 5), b = random_sentence(&rng, 1 + rng() % 12, 5);
    const RougeScore there = rouge_n(a, b, 1), back = rouge_n(b, a, 1);
    EXPECT_EQ(there.precision, back.recall);
    EXPECT_NEAR(there.f1, back.f1, 1e-12);
    EXPECT_EQ(rouge_l(a, b).precision, rouge_l(b, a).recall);
    EXPECT_LE(rouge_l(a, b).f1, there.f1 + 1e-12);  // a common subsequence is a set of common words
    EXPECT_NEAR(sentence_chrf(a, Strings{b}, {.beta = 1}), sentence_chrf(b, Strings{a}, {.beta = 1}), 1e-9);
    // No move changes the number of words; without moves the edits are word edits.
    TokenNumbers numbers;
    const Symbols x = numbers.of(split_words(a)), y = numbers.of(split_words(b));
    const int64_t edits = ter_statistics(a, Strings{b}).edits;
    EXPECT_GE(edits, std::abs(static_cast<int64_t>(x.size()) - static_cast<int64_t>(y.size())));
    EXPECT_LE(edits, edit_distance(x, y));
    const double bleu = sentence_bleu(a, Strings{b});
    EXPECT_GE(bleu, 0);
    EXPECT_LE(bleu, 100 + 1e-9);
  }
}

TEST(Ter, OneMoveIsOneEdit) {
  EXPECT_EQ(ter_statistics("d e f a b c", Strings{"a b c d e f"}).edits, 1);
  EXPECT_EQ(ter_statistics("a b c", Strings{"a b c d"}).edits, 1);
  EXPECT_EQ(ter_score({.edits = 3, .reference_length = 0}), 100);
  EXPECT_EQ(ter_score({.edits = 0, .reference_length = 0}), 0);
  EXPECT_EQ(ter_score({.edits = 3, .reference_length = 2}), 150);
}

TEST(Overlap, SumsOfStatisticsAreTheCorpus) {
  const Strings h = {"the cat sat there on a mat", "one two three four five"};
  const std::vector<Strings> r = {{"the cat sat on the mat"}, {"one two four five six"}};
  BleuStatistics bleu = bleu_statistics(h[0], r[0]);
  bleu += bleu_statistics(h[1], r[1]);
  EXPECT_EQ(bleu_score(bleu).score, corpus_bleu(h, r).score);
  ChrfStatistics chrf = chrf_statistics(h[1], r[1]);
  chrf += chrf_statistics(h[0], r[0]);
  EXPECT_EQ(chrf_score(chrf), corpus_chrf(h, r));
}

TEST(Overlap, EmptyAndMisuse) {
  EXPECT_EQ(corpus_bleu(Strings{""}, {{""}}).score, 0);
  EXPECT_EQ(corpus_bleu(Strings{"xyz"}, {{"abc"}}).score, 0);
  EXPECT_EQ(corpus_chrf(Strings{""}, {{"abc"}}), 0);
  EXPECT_EQ(rouge_l("", "a").f1, 0);
  EXPECT_EQ(rouge_lsum("\n\n", "a\nb").f1, 0);
  EXPECT_EQ(distinct_n(Strings{"a"}, 2), 0);
  EXPECT_EQ(distinct_n(Strings{}, 1), 0);
  EXPECT_EQ(distinct_n(Strings{"a a", "a b"}, 1), 0.5);
  EXPECT_THROW(distinct_n(Strings{"a"}, 0), Error);
  EXPECT_THROW(rouge_n("a", "a", 0), Error);
  EXPECT_THROW(corpus_bleu(Strings{"a"}, {}), Error);
  EXPECT_THROW(corpus_bleu(Strings{}, {}), Error);
  EXPECT_THROW(corpus_chrf(Strings{"a"}, {{}}), Error);
  EXPECT_THROW(corpus_chrf(Strings{"a"}, {{"a"}}, {.char_order = 0}), Error);
  EXPECT_THROW(corpus_chrf(Strings{"a"}, {{"a"}}, {.beta = kNan}), Error);
  EXPECT_THROW(corpus_ter(Strings{"a"}, {{}}), Error);
  EXPECT_THROW(sentence_bleu("a", Strings{}), Error);
  EXPECT_THROW(sentence_bleu("a", Strings{"a"}, {.max_order = 0}), Error);
  EXPECT_THROW(sentence_bleu("a", Strings{"a"}, {.max_order = 1 << 30}), Error);
  EXPECT_THROW(bleu_score(bleu_statistics("a", Strings{"a"}), {.max_order = 2}), Error);
}

TEST(Overlap, InvalidUtf8IsScored) {
  const std::string bad = "a\xff\xc3 b\xe4\xbb";
  for (const BleuTokens tokens :
       {BleuTokens::k13a, BleuTokens::kZh, BleuTokens::kIntl, BleuTokens::kChar, BleuTokens::kNone})
    EXPECT_FALSE(bleu_tokens(bad, tokens).empty());
  EXPECT_NEAR(sentence_chrf(bad, Strings{bad}), 100, 1e-9);
  EXPECT_EQ(corpus_ter(Strings{bad}, {{bad}}, {.normalized = true, .no_punct = true, .asian_support = true}),
            0);
  EXPECT_EQ(rouge_l(bad, bad).f1, 1);
}

TEST(NgramMatches, AgreesWithCountingPairs) {
  std::mt19937 rng(5);
  for (int round = 0; round < 50; ++round) {
    const auto draw = [&] {
      Symbols s(rng() % 20);
      for (int32_t& x : s) x = static_cast<int32_t>(rng() % 3);
      return s;
    };
    const Symbols a = draw();
    const std::vector<Symbols> b = {draw(), draw()};
    for (int n = 1; n <= 4; ++n) {
      int64_t want = 0;
      for (size_t i = 0; i + n <= a.size(); ++i) {
        const auto same = [&](const Symbols& s, size_t k) { return std::equal(&a[i], &a[i] + n, &s[k]); };
        const auto count = [&](const Symbols& s, size_t end) {
          int64_t c = 0;
          for (size_t k = 0; k + n <= s.size() && k < end; ++k) c += same(s, k) ? 1 : 0;
          return c;
        };
        // The i-th n-gram matches if fewer equal ones came before it than a reference has.
        want += count(a, i) < std::max(count(b[0], 99), count(b[1], 99)) ? 1 : 0;
      }
      EXPECT_EQ(clipped_ngram_matches(a, b, n)[n - 1], want);
    }
  }
}

TEST(Classification, IdentitiesAndMisuse) {
  const Ints truth = {0, 1, 2, 1, 0}, other = {0, 1, 1, 2, 2};
  const ConfusionMatrix same = confusion_matrix(truth, truth, 3);
  EXPECT_EQ(macro_scores(same).f1, 1);
  EXPECT_EQ(matthews_correlation(same), 1);
  EXPECT_EQ(cohen_kappa(same), 1);
  EXPECT_EQ(cohen_kappa(same, KappaWeights::kQuadratic), 1);
  const ConfusionMatrix m = confusion_matrix(truth, other, 3), back = confusion_matrix(other, truth, 3);
  EXPECT_NEAR(micro_scores(m).f1, accuracy(truth, other), 1e-15);
  EXPECT_NEAR(matthews_correlation(m), matthews_correlation(back), 1e-15);
  EXPECT_NEAR(cohen_kappa(m), cohen_kappa(back), 1e-15);
  EXPECT_EQ(class_scores(m, 1).precision, class_scores(back, 1).recall);
  EXPECT_TRUE(std::isnan(cohen_kappa(confusion_matrix(Ints{1, 1}, Ints{1, 1}, 2))));
  EXPECT_THROW(accuracy(Ints{1}, Ints{}), Error);
  EXPECT_THROW(accuracy(Ints{}, Ints{}), Error);
  EXPECT_THROW(confusion_matrix(Ints{3}, Ints{0}, 3), Error);
  EXPECT_THROW(confusion_matrix(Ints{0}, Ints{-1}, 3), Error);
  EXPECT_THROW(confusion_matrix(Ints{0}, Ints{0}, 0), Error);
  EXPECT_THROW(confusion_matrix(Ints{0}, Ints{0}, int64_t{1} << 40), Error);  // its square is 0 in 64 bits
  EXPECT_THROW(class_scores(m, 3), Error);
  EXPECT_THROW(cohen_kappa(ConfusionMatrix{2, Ints(4)}), Error);
  EXPECT_THROW(cohen_kappa(ConfusionMatrix{2, Ints{1}}), Error);
  EXPECT_THROW(macro_scores(ConfusionMatrix{2, Ints{1}}), Error);
}

TEST(Ranking, IdentitiesAndMisuse) {
  std::mt19937 rng(6);
  Ints truth = {0, 1};
  Doubles scores = {0.5, -0.25};
  for (int i = 0; i < 60; ++i) {
    truth.push_back(rng() % 2);
    scores.push_back(static_cast<double>(rng() % 16) / 8 - 1);
  }
  Ints flipped;
  Doubles mapped, negated;
  for (size_t i = 0; i < truth.size(); ++i) {
    flipped.push_back(1 - truth[i]);
    mapped.push_back(std::exp(3 * scores[i]));
    negated.push_back(-scores[i]);
  }
  EXPECT_EQ(roc_auc(truth, mapped), roc_auc(truth, scores));  // only the order counts
  EXPECT_EQ(average_precision(truth, mapped), average_precision(truth, scores));
  EXPECT_NEAR(roc_auc(truth, negated), 1 - roc_auc(truth, scores), 1e-12);
  EXPECT_NEAR(roc_auc(flipped, negated), roc_auc(truth, scores), 1e-12);
  EXPECT_EQ(roc_auc(Ints{0, 1}, Doubles{0.5, 0.5}), 0.5);
  EXPECT_EQ(roc_auc(Ints{0, 0, 1}, Doubles{-kInfinity, 0.2, kInfinity}), 1);
  EXPECT_EQ(average_precision(Ints{0, 0, 1}, Doubles{0.1, 0.2, 0.3}), 1);
  EXPECT_EQ(average_precision(Ints{0, 0}, Doubles{0.1, 0.2}), 0);
  EXPECT_EQ(precision_at(Ints{1, 0, 1, 0}, Doubles{4, 3, 2, 1}, 1), 1);
  EXPECT_EQ(precision_at(Ints{1, 0, 1, 0}, Doubles{4, 3, 2, 1}, 3), 2.0 / 3);
  EXPECT_EQ(precision_at(Ints{1, 0, 0, 1, 0}, Doubles{4, 3, 3, 3, 1}, 2), (1 + 1.0 / 3) / 2);
  EXPECT_THROW(precision_at(Ints{1}, Doubles{1}, 2), Error);
  EXPECT_THROW(roc_auc(Ints{1, 1}, Doubles{0.1, 0.2}), Error);
  EXPECT_THROW(roc_auc(Ints{0, 1}, Doubles{0.1, kNan}), Error);
  EXPECT_THROW(roc_auc(Ints{0, 2}, Doubles{0.1, 0.2}), Error);
  EXPECT_THROW(average_precision(Ints{}, Doubles{}), Error);
}

TEST(Calibration, IdentitiesAndMisuse) {
  EXPECT_EQ(expected_calibration_error(Ints{1, 0}, Doubles{1, 0}), 0);
  EXPECT_EQ(expected_calibration_error(Ints{0, 1}, Doubles{1, 0}), 1);
  EXPECT_NEAR(expected_calibration_error(Ints{1, 0, 1, 0}, Doubles{0.5, 0.5, 0.5, 0.5}), 0, 1e-15);
  EXPECT_EQ(brier_score(Ints{1, 0}, Doubles{1, 0}), 0);
  EXPECT_EQ(brier_score(Ints{1, 0}, Doubles{0, 1}), 1);
  const Ints truth = {1, 0, 1};
  const Doubles p = {0.25, 0.5, 1}, both = {0.75, 0.25, 0.5, 0.5, 0, 1};
  EXPECT_NEAR(brier_score_multiclass(truth, both, 2), 2 * brier_score(truth, p), 1e-15);
  EXPECT_THROW(expected_calibration_error(Ints{1}, Doubles{kNan}), Error);
  EXPECT_THROW(expected_calibration_error(Ints{1}, Doubles{1.5}), Error);
  EXPECT_THROW(expected_calibration_error(Ints{2}, Doubles{0.5}), Error);
  EXPECT_THROW(expected_calibration_error(Ints{1}, Doubles{0.5}, 0), Error);
  EXPECT_THROW(brier_score(Ints{}, Doubles{}), Error);
  EXPECT_THROW(brier_score(Ints{1}, Doubles{kInfinity}), Error);
  EXPECT_THROW(brier_score_multiclass(Ints{0}, Doubles{0.5, 0.6}, 2), Error);
  EXPECT_THROW(brier_score_multiclass(Ints{0}, Doubles{0.5}, 2), Error);
  EXPECT_THROW(brier_score_multiclass(Ints{}, Doubles{}, 2), Error);
  EXPECT_EQ(root_mean_squared_error(Doubles{1, 2}, Doubles{4, -2}), std::sqrt(12.5));
  EXPECT_THROW(root_mean_squared_error(Doubles{1}, Doubles{kInfinity}), Error);
  EXPECT_THROW(root_mean_squared_error(Doubles{}, Doubles{}), Error);
}

TEST(Agreement, IdentitiesAndMisuse) {
  EXPECT_EQ(fleiss_kappa({{3, 0}, {0, 3}}), 1);
  EXPECT_TRUE(std::isnan(fleiss_kappa({{3, 0}, {3, 0}})));
  EXPECT_THROW(fleiss_kappa({{3, 0}, {1, 1}}), Error);
  EXPECT_THROW(fleiss_kappa({{4, -1}}), Error);
  EXPECT_THROW(fleiss_kappa({}), Error);
  using Ratings = std::vector<std::vector<std::optional<double>>>;
  const Ratings equal = {{1.0, 2.0, 4.0}, {1.0, 2.0, 4.0}};
  Ratings ratings = {{1.0, 2.0, 4.0, 4.0}, {1.0, 3.0, 4.0, std::nullopt}, {2.0, 2.0, 4.0, 1.0}};
  for (const AlphaMetric metric :
       {AlphaMetric::kNominal, AlphaMetric::kOrdinal, AlphaMetric::kInterval, AlphaMetric::kRatio}) {
    EXPECT_EQ(krippendorff_alpha(equal, metric), 1);
    Ratings turned = {ratings[2], ratings[0], ratings[1]};
    EXPECT_NEAR(krippendorff_alpha(turned, metric), krippendorff_alpha(ratings, metric), 1e-12);
  }
  Ratings moved = ratings;
  for (auto& rater : moved) {
    for (auto& value : rater) {
      if (value) value = 10 - 2 * *value;  // interval: any line; nominal: any renaming
    }
  }
  for (const AlphaMetric metric : {AlphaMetric::kNominal, AlphaMetric::kOrdinal, AlphaMetric::kInterval})
    EXPECT_NEAR(krippendorff_alpha(moved, metric), krippendorff_alpha(ratings, metric), 1e-12);
  // 100,000 different values: a table of all pairs would not fit. Two raters who differ by 1 everywhere.
  Ratings many(2);
  for (int i = 0; i < 100000; i += 2) many[0].push_back(i), many[1].push_back(i + 1);
  const double n = 100000;
  EXPECT_NEAR(krippendorff_alpha(many, AlphaMetric::kNominal), 1 - 1.0, 1e-12);
  EXPECT_NEAR(krippendorff_alpha(many, AlphaMetric::kInterval), 1 - 6 / (n * (n + 1)), 1e-14);
  EXPECT_NEAR(krippendorff_alpha(many, AlphaMetric::kOrdinal), 1 - 6 / (n * (n + 1)), 1e-14);
  EXPECT_THROW(krippendorff_alpha({}, AlphaMetric::kNominal), Error);
  EXPECT_THROW(krippendorff_alpha({{-1.0, 2.0}, {1.0, 2.0}}, AlphaMetric::kRatio), Error);
  EXPECT_THROW(krippendorff_alpha({{1.0, 1.0}, {1.0, 1.0}}, AlphaMetric::kNominal), Error);
  EXPECT_THROW(krippendorff_alpha({{1.0, 2.0}}, AlphaMetric::kNominal), Error);
  EXPECT_THROW(krippendorff_alpha({{1.0, 2.0}, {1.0}}, AlphaMetric::kNominal), Error);
  EXPECT_THROW(krippendorff_alpha({{1.0, kNan}, {1.0, 2.0}}, AlphaMetric::kNominal), Error);
}

TEST(PassAtK, ClosedFormsAndMisuse) {
  EXPECT_DOUBLE_EQ(pass_at_k(10, 3, 1), 0.3);
  EXPECT_NEAR(pass_at_k(5, 2, 2), 1 - 3.0 / 10, 1e-12);  // 1 - C(3,2) / C(5,2)
  for (int64_t k = 2; k <= 10; ++k) EXPECT_GE(pass_at_k(10, 2, k), pass_at_k(10, 2, k - 1));
  EXPECT_NEAR(mean_pass_at_k(4, Ints{0, 4, 1}, 1), (0 + 1 + 0.25) / 3, 1e-15);
  EXPECT_THROW(pass_at_k(5, 6, 1), Error);
  EXPECT_THROW(pass_at_k(5, 1, 6), Error);
  EXPECT_THROW(pass_at_k(5, 1, 0), Error);
  EXPECT_THROW(mean_pass_at_k(5, Ints{}, 1), Error);
}

TEST(Likelihood, ClosedFormsAndMisuse) {
  EXPECT_NEAR(perplexity(3 * std::log(8.0), 3), 8, 1e-12);
  EXPECT_NEAR(bits_per_byte(100 * std::log(2.0), 50), 2, 1e-12);
  EXPECT_EQ(perplexity(kInfinity, 2), kInfinity);
  const std::vector<float> even(12, 3.5F);  // uniform over four: perplexity 4
  const TokenLikelihood sum = token_likelihood(even, Ints{0, 3, -100});
  EXPECT_EQ(sum.tokens, 2);
  EXPECT_NEAR(perplexity(sum.negative_log_likelihood, sum.tokens), 4, 1e-12);
  const float minus = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(token_likelihood(std::vector<float>{minus, 0}, Ints{0}).negative_log_likelihood, kInfinity);
  EXPECT_EQ(token_likelihood(std::vector<float>{minus, 0}, Ints{1}).negative_log_likelihood, 0);
  EXPECT_THROW(token_likelihood(std::vector<float>{std::nanf(""), 0}, Ints{1}), Error);
  EXPECT_THROW(token_likelihood(even, Ints{0, 4, 0}), Error);
  EXPECT_THROW(token_likelihood(even, Ints{0, 1, 2, 3, 0}), Error);
  EXPECT_THROW(perplexity(1, 0), Error);
  EXPECT_THROW(perplexity(kNan, 1), Error);
  EXPECT_THROW(bits_per_byte(1, 0), Error);
  EXPECT_EQ(information_parity(Doubles{4, 6}, Doubles{5, 15}), 0.5);
  EXPECT_THROW(information_parity(Doubles{1}, Doubles{0}), Error);
  EXPECT_THROW(information_parity(Doubles{1}, Doubles{1, 2}), Error);
  EXPECT_THROW(information_parity(Doubles{kNan}, Doubles{1}), Error);
}

}  // namespace
}  // namespace roux::kit
