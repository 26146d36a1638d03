#include "recipes/salt/bigram.h"

#include <gtest/gtest.h>

#include <cmath>

#include "recipes/kit/stats/random.h"
#include "recipes/kit/stats/samplers.h"
#include "tensor/error_of.h"
#include "tensor/io/json_value.h"
#include "tests/golden/recipe_values.h"

namespace roux::salt {
namespace {

std::vector<Distribution> rows_of(const std::vector<double>& flat, int64_t classes) {
  std::vector<Distribution> rows;
  for (auto row = flat.begin(); row != flat.end(); row += classes) rows.emplace_back(row, row + classes);
  return rows;
}

TEST(Bigrams, RisksAndBoundsAreThoseOfTheReference) {
  for (const golden::Values& w : golden::Values::of_recipe("salt")["worlds"].items()) {
    const int64_t classes = w["classes"].integer();
    const BigramWorld world{w["context"].numbers(), rows_of(w["truth"].numbers(), classes),
                            rows_of(w["teacher"].numbers(), classes)};
    EXPECT_NEAR(world.mean_total_variation(), w["total_variation"].number(), 1e-12);
    std::vector<Distribution> table;
    for (const Distribution& p : world.truth)
      table.push_back(mix(p, Distribution(p.size(), 1.0 / static_cast<double>(p.size())), 0.1));
    for (const golden::Values& c : w["cases"].items()) {
      const double omega = c["omega"].number(), b = world.mean_squared_bias();
      const double v = world.mean_one_hot_variance(c["n"].number());
      EXPECT_NEAR(b, c["bias"].number(), 1e-12);
      EXPECT_NEAR(v, c["one_hot"].number(), 1e-12);
      EXPECT_NEAR(squared_risk(b, v, omega), c["distilled"].number(), 1e-12);
      EXPECT_NEAR(best_omega(b, v), c["best_omega"].number(), 1e-12);
      EXPECT_NEAR(squared_risk(b, v, best_omega(b, v)), c["best_risk"].number(), 1e-12);
      double kl = 0;  // the bias of a table of the expected loss
      for (size_t i = 0; i < world.context.size(); ++i)
        kl += world.context[i] * kl_divergence(world.truth[i], mix(world.truth[i], world.teacher[i], omega));
      EXPECT_NEAR(kl, c["kl"].number(), 1e-12);
      const LossMoments moments = loss_moments(world, table, omega);
      EXPECT_NEAR(moments.mean, c["loss_mean"].number(), 1e-12);
      EXPECT_NEAR(moments.variance, c["loss_variance"].number(), 1e-12);
      const RiskBound bound = risk_bound(world, smoothed_tables(world), omega, c["n"].integer(), 0.05);
      EXPECT_NEAR(bound.bias, c["bias_bound"].number(), 1e-9);
      EXPECT_NEAR(bound.variance, c["variance_bound"].number(), 1e-9);
    }
  }
}

// Draws of n_c samples: the closed form within 3 standard errors, at no, some and full weight of the teacher.
TEST(Bigrams, TheClosedFormIsWhatDrawsGive) {
  const BigramWorld world = peaked_and_flat(50, 0.2, 1);
  stats::RandomStream random(100);
  const int64_t n_c = 20, draws = 10000;
  for (const size_t context : {size_t{3}, size_t{40}}) {
    const Distribution &p = world.truth[context], &q = world.teacher[context];
    const stats::AliasSampler sampler(p);
    const double b = squared_bias(p, q), v = one_hot_variance(p, n_c);
    for (const double omega : {0.0, 0.3, best_omega(b, v), 1.0}) {
      double sum = 0, squares = 0;
      for (int64_t draw = 0; draw < draws; ++draw) {
        Distribution empirical(p.size(), 0);
        for (int64_t i = 0; i < n_c; ++i) empirical[static_cast<size_t>(sampler(random))] += 1.0 / n_c;
        const double error = squared_bias(p, mix(empirical, q, omega));
        sum += error, squares += error * error;
      }
      const double mean = sum / draws,
                   spread = std::sqrt(std::max(0.0, squares / draws - mean * mean) / draws);
      EXPECT_NEAR(mean, squared_risk(b, v, omega), 3 * spread + 1e-12) << context << " " << omega;
      EXPECT_GE(squared_risk(b, v, omega), squared_risk(b, v, best_omega(b, v)) - 1e-15);
    }
  }
}

TEST(Bigrams, TheBestOmegaFallsWithSamplesAndRisesWithTheTeacher) {
  const Distribution p = {0.7, 0.2, 0.1}, q = {0.5, 0.3, 0.2};
  double before = 1;
  for (const double n : {1e0, 1e2, 1e4, 1e8}) {
    const double omega = best_omega(squared_bias(p, q), one_hot_variance(p, n));
    EXPECT_LT(omega, before);
    before = omega;
  }
  EXPECT_LT(before, 1e-6);
  EXPECT_EQ(best_omega(squared_bias(p, p), one_hot_variance(p, 5)), 1);
  EXPECT_EQ(squared_risk(squared_bias(p, q), 1e9, 1), squared_bias(p, q));  // no variance at omega = 1
  EXPECT_TRUE(std::isinf(kl_divergence(p, {1, 0, 0})));  // a possible token that was not seen
  EXPECT_NE(error_of([] { best_omega(0, 0); }), "no error");
}

// Each context's probabilities times exp(noise), normalised.
std::vector<Distribution> perturbed(std::vector<Distribution> table, double noise,
                                    stats::RandomStream& random) {
  for (Distribution& row : table) {
    double sum = 0;
    for (double& share : row) share *= std::exp(noise * random.normal()), sum += share;
    for (double& share : row) share /= sum;
  }
  return table;
}

std::vector<Distribution> mixed(const BigramWorld& world, double omega) {
  std::vector<Distribution> table;
  for (size_t c = 0; c < world.truth.size(); ++c)
    table.push_back(mix(world.truth[c], world.teacher[c], omega));
  return table;
}

// The expected l_omega is least at p_omega = (1 - omega) p + omega q, the empirical one at p_hat: it is the
// expected one of a world whose truth are the shares of the samples. Near and far perturbations are worse.
TEST(Bigrams, TheMixtureHasTheLeastLoss) {
  const BigramWorld expected = peaked_and_flat(8, 0.3, 2);
  stats::RandomStream random(5);
  BigramWorld empirical = expected;
  for (Distribution& shares : empirical.truth) {
    const stats::AliasSampler next(shares);
    shares.assign(shares.size(), 0);
    for (int i = 0; i < 10; ++i) shares[static_cast<size_t>(next(random))] += 0.1;
  }
  for (const BigramWorld& world : {expected, empirical}) {
    for (const double omega : {0.2, 0.667, 1.0}) {
      const std::vector<Distribution> best = mixed(world, omega);
      const double least = loss_moments(world, best, omega).mean;
      for (int i = 0; i < 20; ++i) {
        const double noise = i % 2 == 0 ? 0.02 : 0.5;
        EXPECT_GT(loss_moments(world, perturbed(best, noise, random), omega).mean, least) << omega;
      }
      EXPECT_GT(loss_moments(world, mixed(world, omega - 0.1), omega).mean, least) << omega;
    }
  }
}

// The bound's first step: l_omega and l_CE differ by omega M TV at most, half of `bias`; a table that is sure
// of the class which the teacher underrates comes near.
TEST(Bigrams, TheTeachersBiasIsWithinTheFirstTerm) {
  const BigramWorld world = peaked_and_flat(8, 0.5, 2);
  stats::RandomStream random(5);
  const auto gap = [](const BigramWorld& w, const std::vector<Distribution>& table, double omega) {
    return std::abs(loss_moments(w, table, omega).mean - loss_moments(w, table, 0).mean);
  };
  for (const double omega : {0.3, 0.667, 1.0}) {
    for (int i = 0; i < 50; ++i) {
      const std::vector<Distribution> table = perturbed(world.truth, i / 10.0, random);
      EXPECT_LE(gap(world, table, omega), risk_bound(world, {table}, omega, 10, 0.05).bias / 2) << omega;
    }
    const BigramWorld two{{1}, {{0.8, 0.2}}, {{0.5, 0.5}}};
    const std::vector<Distribution> sure = {{0.99, 0.01}};
    const double half = risk_bound(two, {sure}, omega, 10, 0.05).bias / 2;
    EXPECT_LE(gap(two, sure, omega), half);
    EXPECT_GE(gap(two, sure, omega), 0.9 * half) << omega;
  }
  EXPECT_EQ(risk_bound(world, smoothed_tables(world), 0, 20, 0.05).bias, 0);
}

// With one context, two classes of probability 1 - p and p and one table the chance that the empirical
// l_omega is further than `radius` from the expected one is a sum over the binomial distribution.
double chance_beyond(const BigramWorld& world, const std::vector<Distribution>& table, double omega,
                     int64_t n, double radius) {
  const double p = world.truth[0][1], expected = loss_moments(world, table, omega).mean;
  double chance = 0;
  for (int64_t k = 0; k <= n; ++k) {
    const double share = static_cast<double>(k) / static_cast<double>(n);
    const BigramWorld drawn{{1}, {{1 - share, share}}, world.teacher};
    if (std::abs(loss_moments(drawn, table, omega).mean - expected) <= radius) continue;
    const auto log_gamma = [](int64_t i) { return std::lgamma(static_cast<double>(i) + 1); };
    chance += std::exp(log_gamma(n) - log_gamma(k) - log_gamma(n - k) + static_cast<double>(k) * std::log(p) +
                       static_cast<double>(n - k) * std::log1p(-p));
  }
  return chance;
}

// The second step: half of `variance` holds with probability 1 - delta, a third of that does not, and neither
// does the term with V alone where a class is rare.
TEST(Bigrams, SamplesDeviateWithinTheSecondTerm) {
  const std::vector<Distribution> table = {{0.95, 0.05}};
  for (const double omega : {0.0, 0.5}) {
    const BigramWorld world{{1}, {{0.7, 0.3}}, {{0.5, 0.5}}};
    for (const double delta : {0.5, 0.05}) {
      const double radius = risk_bound(world, {table}, omega, 2000, delta).variance / 2;
      EXPECT_LE(chance_beyond(world, table, omega, 2000, radius), delta);
      EXPECT_GT(chance_beyond(world, table, omega, 2000, radius / 3), delta);
    }
  }
  const BigramWorld rare{{1}, {{0.999, 0.001}}, {{0.5, 0.5}}};
  const double delta = 0.005,
               deviation = std::sqrt(2 * loss_moments(rare, table, 0).variance * std::log(2 / delta) / 10);
  EXPECT_LE(chance_beyond(rare, table, 0, 10, risk_bound(rare, {table}, 0, 10, delta).variance / 2), delta);
  EXPECT_GT(chance_beyond(rare, table, 0, 10, deviation), delta);
  // Soft labels take the variance away: at omega = 1 with one context nothing is left of the samples.
  EXPECT_NEAR(loss_moments(rare, table, 1).variance, 0, 1e-30);
  const BigramWorld world = peaked_and_flat(6, 0.3, 2);
  EXPECT_LT(risk_bound(world, smoothed_tables(world), 1, 1000, 0.05).variance,
            risk_bound(world, smoothed_tables(world), 0, 1000, 0.05).variance);
}

std::string list_of(const golden::Values& rows) {
  std::string out;
  for (const golden::Values& row : rows.items()) {
    std::string one;
    for (const int64_t count : row.integers()) one += (one.empty() ? "" : ",") + std::to_string(count);
    out += (out.empty() ? "[" : ",[") + one + "]";
  }
  return "[" + out + "]";
}

TEST(Table, IsThatOfTheReference) {
  for (const golden::Values& c : golden::Values::of_recipe("salt")["tables"].items()) {
    const std::string teacher = c.has("teacher") ? "\"teacher\":" + list_of(c["teacher"])
                                                 : "\"alpha\":" + std::to_string(c["alpha"].number());
    const auto table = parse_bigram_table(
        "{\"counts\":" + list_of(c["counts"]) + ",\"n\":[30,300],\"omega\":[0,0.5,1]," + teacher + "}", "f");
    ASSERT_TRUE(table.ok()) << table.status();
    const JsonValue got = *parse_json_value(risks_json(bigram_risks(*table)), "got");
    const auto expected = c["rows"].items();
    ASSERT_EQ(got.find("risks")->items().size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      for (const char* key :
           {"n", "omega", "one_hot", "distilled", "best_omega", "best_risk", "bias_bound", "variance_bound"})
        EXPECT_NEAR(got.find("risks")->items()[i].find(key)->number(), expected[i][key].number(), 1e-9)
            << key;
    }
  }
}

TEST(Table, WhatIsWrongIsNamed) {
  const auto error = [](const std::string& text) {
    return std::string(parse_bigram_table(text, "f").status().message());
  };
  const std::string rest = R"(, "n": [3], "omega": [0.5]})";
  EXPECT_NE(error("{").find("f: byte"), std::string::npos);
  EXPECT_EQ(error("[]").substr(0, 18), "f: needs an object");
  EXPECT_EQ(error(R"({"counts": [[1, 1], [1, 1]], "omega": [0]})"), "f: 'n' is missing");
  EXPECT_EQ(error(R"({"count": [[1, 1], [1, 1]])" + rest), "f: 'count' is unknown; did you mean counts?");
  EXPECT_EQ(error(R"({"counts": 3)" + rest), "f: 'counts' must be a list of at least 2 rows of counts");
  EXPECT_EQ(error(R"({"counts": [[1, 2], [3]])" + rest), "f: row 2 of 'counts' has 1 counts, needed 2");
  EXPECT_EQ(error(R"({"counts": [[1, 2], [3, 0.5]])" + rest),
            "f: row 2 of 'counts' must be a list of whole numbers from 0 to 1e15");
  EXPECT_EQ(error(R"({"counts": [[0, 0], [0, 0]])" + rest), "f: 'counts' are all 0");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 0]])" + rest),
            "f: row 2 of 'teacher' is all 0, but that context occurs");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "alpha": 0)" + rest),
            "f: 'alpha' must be a number above 0, at most 1e15");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "alpha": 1e308)" + rest),
            "f: 'alpha' must be a number above 0, at most 1e15");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "n": 9223372036854775807, "omega": [0]})"),
            "f: 'n' must be a list of whole numbers from 0 to 1e15");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "n": [0], "omega": [0]})"), "f: 'n' must be at least 1");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "n": [1], "omega": [1.5]})"),
            "f: 'omega' must lie in [0, 1], one is 1.5");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "n": [], "omega": [1]})"),
            "f: 'n' must be a list of whole numbers from 0 to 1e15");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "n": 1.5, "omega": [1]})"),
            "f: 'n' must be a list of whole numbers from 0 to 1e15");
}

TEST(Table, OneNumberIsAListOfOne) {
  const auto table = parse_bigram_table(R"({"counts": [[1, 0], [0, 1]], "n": 30, "omega": 0.5})", "f");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->n, (std::vector<int64_t>{30}));
  EXPECT_EQ(table->omega, (std::vector<double>{0.5}));
}

}  // namespace
}  // namespace roux::salt
