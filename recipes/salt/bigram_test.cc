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

// The minimiser over the class of the empirical loss: its excess risk stays below the bound in all draws, and
// at omega = 1 with one context nothing is left of the samples.
TEST(Bigrams, TheBoundHoldsInDraws) {
  const BigramWorld world = peaked_and_flat(6, 0.3, 2);
  const auto tables = smoothed_tables(world);
  const stats::AliasSampler contexts(world.context);
  std::vector<stats::AliasSampler> next;
  for (const Distribution& p : world.truth) next.emplace_back(p);
  stats::RandomStream random(7);
  double best = loss_moments(world, tables[0], 0).mean;
  for (const auto& table : tables) best = std::min(best, loss_moments(world, table, 0).mean);
  for (const double omega : {0.0, 0.5, 1.0}) {
    for (const int64_t n : {20, 2000}) {
      const RiskBound bound = risk_bound(world, tables, omega, n, 0.05);
      double largest = 0;
      for (int draw = 0; draw < 100; ++draw) {
        BigramWorld drawn{Distribution(6, 0), std::vector<Distribution>(6, Distribution(6, 0)),
                          world.teacher};
        for (int64_t i = 0; i < n; ++i) {
          const auto c = static_cast<size_t>(contexts(random));
          drawn.context[c] += 1.0 / static_cast<double>(n),
              drawn.truth[c][static_cast<size_t>(next[c](random))] += 1;
        }
        for (Distribution& counts : drawn.truth) {
          double sum = 0;
          for (const double count : counts) sum += count;
          for (double& count : counts) count /= std::max(sum, 1.0);
        }
        size_t chosen = 0;
        for (size_t t = 1; t < tables.size(); ++t)
          if (loss_moments(drawn, tables[t], omega).mean < loss_moments(drawn, tables[chosen], omega).mean)
            chosen = t;
        largest = std::max(largest, loss_moments(world, tables[chosen], 0).mean - best);
      }
      EXPECT_LE(largest, bound.bias + bound.variance) << omega << " " << n;
    }
  }
  EXPECT_EQ(risk_bound(world, tables, 0, 20, 0.05).bias, 0);
  EXPECT_LT(risk_bound(world, tables, 1, 1000, 0.05).variance,
            risk_bound(world, tables, 0, 1000, 0.05).variance);
  const BigramWorld one{{1}, {{0.5, 0.5}}, {{0.9, 0.1}}};
  EXPECT_NEAR(loss_moments(one, {{0.2, 0.8}}, 1).variance, 0, 1e-30);
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
            "f: row 2 of 'counts' must be a list of whole numbers of at least 0");
  EXPECT_EQ(error(R"({"counts": [[0, 0], [0, 0]])" + rest), "f: 'counts' are all 0");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 0]])" + rest),
            "f: row 2 of 'teacher' is all 0, but that context occurs");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "alpha": 0)" + rest),
            "f: 'alpha' must be a number above 0");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "n": [0], "omega": [0]})"), "f: 'n' must be at least 1");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "n": [1], "omega": [1.5]})"),
            "f: 'omega' must lie in [0, 1], one is 1.5");
  EXPECT_EQ(error(R"({"counts": [[1, 0], [0, 1]], "n": [], "omega": [1]})"),
            "f: 'n' must be a list of whole numbers of at least 0");
}

}  // namespace
}  // namespace roux::salt
