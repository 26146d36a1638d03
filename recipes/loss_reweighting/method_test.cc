#include "recipes/loss_reweighting/method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/autograd.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tests/golden/recipe_values.h"

namespace roux::loss_reweighting {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

Strategy strategy_of(const std::string& name) {
  return *std::find_if(kStrategies.begin(), kStrategies.end(),
                       [&](Strategy s) { return name == strategy_name(s); });
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance * (1 + std::abs(b[i]))) << i;
}

// Losses whose smallest and largest are given, others between.
const std::vector<double> kLosses = {2.5, 1.0, 4.0, 3.1, 1.2};

TEST(NormalizedLosses, EndsAndMiddleOfTheBatch) {
  expect_near(normalized_losses({1, 2, 3}, 1), {-1, 0, 1}, 1e-15);
  expect_near(normalized_losses({1, 2, 3}, 2.5), {-2.5, 0, 2.5}, 1e-15);
  const std::vector<double> h = normalized_losses(kLosses, 1);
  for (size_t i = 0; i < h.size(); ++i) {
    EXPECT_NEAR(h[i], (kLosses[i] - 2.5) / 1.5, 1e-14);  // affine
    for (size_t j = 0; j < h.size(); ++j) EXPECT_EQ(h[i] < h[j], kLosses[i] < kLosses[j]);
  }
}

TEST(NormalizedLosses, EqualOnesStayFinite) {
  EXPECT_THAT(normalized_losses({2.5, 2.5, 2.5}, 1), Each(0.0));
  for (const Strategy strategy : kStrategies)
    EXPECT_THAT(loss_weights({2.5, 2.5, 2.5, 2.5}, {.strategy = strategy}), Each(0.25));
  // Spreads below the floor count as the floor.
  expect_near(normalized_losses({1, 1 + 5e-7}, 1), {-0.5, 0.5}, 1e-6);
}

TEST(Strategies, ClosedForms) {
  const double h[] = {-1, -0.5, 0, 0.5, 1};
  const std::pair<Strategy, std::vector<double>> expected[] = {{Strategy::kUniform, {0, 0, 0, 0, 0}},
                                                               {Strategy::kLinUpper, {0, 0.5, 1, 1, 1}},
                                                               {Strategy::kQuadratic, {0, 0.75, 1, 0.75, 0}},
                                                               {Strategy::kExtremes, {1, 0.5, 0, 0.5, 1}},
                                                               {Strategy::kUpper, {0, 0.25, 0.5, 0.75, 1}}};
  for (const auto& [strategy, f] : expected) {
    for (size_t i = 0; i < f.size(); ++i) EXPECT_EQ(strategy_value(strategy, h[i], 1), f[i]);
  }
  // Of d: LinUpper and Extremes reach d, Quadratic 1.
  EXPECT_EQ(strategy_value(Strategy::kLinUpper, -3, 3), 0);
  EXPECT_EQ(strategy_value(Strategy::kLinUpper, 0, 3), 3);
  EXPECT_EQ(strategy_value(Strategy::kLinUpper, 3, 3), 3);
  EXPECT_EQ(strategy_value(Strategy::kQuadratic, 0, 3), 1);
  EXPECT_EQ(strategy_value(Strategy::kQuadratic, -3, 3), 0);
  EXPECT_EQ(strategy_value(Strategy::kExtremes, -3, 3), 3);
  EXPECT_EQ(strategy_value(Strategy::kExtremes, 0, 3), 0);
}

TEST(Weights, HandComputed) {
  // Denominator 3 + e^-2.5 + e^-1.25.
  expect_near(loss_weights({1, 1.5, 2, 2.5, 3}, {.strategy = Strategy::kLinUpper, .r = 0.4}),
              {0.02437, 0.08505, 0.29686, 0.29686, 0.29686}, 5e-6);
}

TEST(Weights, AreADistributionThatAffineLossesDoNotChange) {
  std::vector<double> other;
  for (const double l : kLosses) other.push_back(7.5 * l - 3);
  for (const Strategy strategy : kStrategies) {
    for (const double r : {0.05, 0.4, 1.0, 10.0}) {
      const std::vector<double> w = loss_weights(kLosses, {.strategy = strategy, .r = r});
      EXPECT_NEAR(std::accumulate(w.begin(), w.end(), 0.0), 1, 1e-14);
      EXPECT_THAT(w, Each(::testing::Ge(0)));
      expect_near(loss_weights(other, {.strategy = strategy, .r = r}), w, 1e-12);
    }
  }
}

TEST(Weights, StayWithinTheirBounds) {
  for (const Strategy strategy : kStrategies) {
    for (const double r : {0.1, 0.4, 1.0}) {
      for (const double d : {1.0, 2.0}) {
        const std::vector<double> w = loss_weights(kLosses, {.strategy = strategy, .r = r, .d = d});
        const double ratio = *std::max_element(w.begin(), w.end()) / *std::min_element(w.begin(), w.end());
        EXPECT_LE(ratio, std::exp((strategy == Strategy::kQuadratic ? 1 : d) / r) * (1 + 1e-12));
        EXPECT_GE(effective_sample_size(w), 1 - 1e-12);
        EXPECT_LE(effective_sample_size(w), static_cast<double>(w.size()) + 1e-12);
      }
    }
  }
  EXPECT_DOUBLE_EQ(effective_sample_size({0, 1, 0}), 1);
  EXPECT_DOUBLE_EQ(effective_sample_size({0.25, 0.25, 0.25, 0.25}), 4);
}

TEST(Weights, LimitsOfTheTemperatureAndABatchOfOne) {
  const double mean = std::accumulate(kLosses.begin(), kLosses.end(), 0.0) / 5;
  for (const Strategy strategy : kStrategies) {
    const std::vector<double> w = loss_weights(kLosses, {.strategy = strategy, .r = 1e6});
    EXPECT_NEAR(std::inner_product(w.begin(), w.end(), kLosses.begin(), 0.0), mean, 1e-5);
    EXPECT_THAT(loss_weights({3.7}, {.strategy = strategy}), Each(1.0));
  }
  // r -> 0: the largest f alone.
  expect_near(loss_weights(kLosses, {.strategy = Strategy::kUpper, .r = 1e-3}), {0, 0, 1, 0, 0}, 1e-12);
}

TEST(Weights, ClippingTakesTheLeverageOffAnOutlier) {
  const std::vector<double> losses = {1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 50};
  const std::vector<double> clipped = clipped_losses(losses, 0.9);
  EXPECT_NEAR(clipped.back(), 1.8 + 0.1 * (50 - 1.8), 1e-12);
  EXPECT_EQ(clipped[8], 1.8);
  EXPECT_EQ(clipped_losses(losses, 1), losses);
  EXPECT_LT(loss_weights(losses, {.strategy = Strategy::kLinUpper, .clip_quantile = 0.8}).back(),
            loss_weights(losses, {.strategy = Strategy::kLinUpper}).back());
}

TEST(Weights, AreThoseOfTheReference) {
  for (const golden::Values& c : golden::Values::of_recipe("loss_reweighting")["weights"].items()) {
    const std::vector<double> losses = c["losses"].numbers();
    expect_near(normalized_losses(clipped_losses(losses, c["clip"].number()), c["d"].number()),
                c["h"].numbers(), 1e-9);
    for (const Strategy strategy : kStrategies) {
      const std::vector<double> w = loss_weights(losses, {.strategy = strategy,
                                                          .r = c["r"].number(),
                                                          .d = c["d"].number(),
                                                          .clip_quantile = c["clip"].number()});
      expect_near(w, c["weights"][strategy_name(strategy)].numbers(), 1e-9);
      EXPECT_NEAR(effective_sample_size(w), c["effective_sample_size"][strategy_name(strategy)].number(),
                  1e-7);
    }
  }
}

TEST(Weights, AreTheOptimumThatIsFoundNumerically) {
  for (const golden::Values& c : golden::Values::of_recipe("loss_reweighting")["optima"].items()) {
    expect_near(loss_weights(c["losses"].numbers(),
                             {.strategy = strategy_of(c["strategy"].text()), .r = c["r"].number()}),
                c["weights"].numbers(), 2e-6);  // SLSQP's own accuracy
  }
}

// Mean losses of 5 sequences of up to 3 tokens from logits [15, 4].
Tensor sequence_losses(const Tensor& logits, const std::vector<int64_t>& targets) {
  const Tensor per_token = cross_entropy(logits, tensor(targets, {15}), {.reduction = Reduction::kNone});
  std::vector<double> share;
  for (size_t row = 0; row < 5; ++row) {
    const auto first = targets.begin() + static_cast<int64_t>(3 * row);
    const auto count = std::count_if(first, first + 3, [](int64_t t) { return t != -100; });
    share.insert(share.end(), 3, 1 / static_cast<double>(count));
  }
  return sum(per_token.reshape({5, 3}) * tensor(share, {5, 3}), 1);
}

TEST(WeightedLoss, GradientTakesWeightsAsConstants) {
  for (const golden::Values& c : golden::Values::of_recipe("loss_reweighting")["gradients"].items()) {
    Tensor logits = tensor(c["logits"].numbers(), {15, 4});
    logits.set_requires_grad(true);
    const Tensor losses = sequence_losses(logits, c["targets"].integers());
    expect_near(losses.detach().to_vector<double>(), c["losses"].numbers(), 1e-9);
    const Strategy strategy = strategy_of(c["strategy"].text());
    const std::vector<double> weights =
        loss_weights(losses.detach().to_vector<double>(), {.strategy = strategy});
    const Tensor loss = weighted_loss(losses, weights);
    EXPECT_NEAR(loss.item(), c["loss"].number(), 1e-9);
    backward(loss);
    const std::vector<double> gradient = logits.grad().to_vector<double>();
    expect_near(gradient, c["gradient"].numbers(), 1e-9);

    // Finite differences: of sum w l with these weights the same, with weights that follow the losses not.
    double apart = 0;
    for (size_t i = 0; i < gradient.size(); i += 7) {
      const auto at = [&](double step, bool follow) {
        std::vector<double> moved = c["logits"].numbers();
        moved[i] += step;
        const Tensor l = sequence_losses(tensor(moved, {15, 4}), c["targets"].integers());
        return weighted_loss(l,
                             follow ? loss_weights(l.to_vector<double>(), {.strategy = strategy}) : weights)
            .item();
      };
      EXPECT_NEAR((at(1e-5, false) - at(-1e-5, false)) / 2e-5, gradient[i], 1e-8);
      const double through = (at(1e-5, true) - at(-1e-5, true)) / 2e-5;
      EXPECT_NEAR(through, c["gradient_through_weights"].numbers()[i], 1e-7);
      apart = std::max(apart, std::abs(through - gradient[i]));
    }
    EXPECT_EQ(apart > 1e-4, strategy != Strategy::kUniform) << strategy_name(strategy);
  }
}

TEST(ReleasedCoefficients, AreThoseOfTheReference) {
  for (const golden::Values& c : golden::Values::of_recipe("loss_reweighting")["released"].items()) {
    const std::vector<double> weights = c["weights"].numbers(), losses = c["losses"].numbers();
    const std::vector<int64_t> tokens = c["tokens"].integers();
    const int64_t ranks = c["ranks"].integer();
    const size_t local = weights.size() / static_cast<size_t>(ranks);
    double loss = 0, plain = 0;
    for (size_t first = 0; first < weights.size(); first += local) {
      const std::vector<double> own(weights.begin() + static_cast<int64_t>(first),
                                    weights.begin() + static_cast<int64_t>(first + local));
      const std::vector<int64_t> counts(tokens.begin() + static_cast<int64_t>(first),
                                        tokens.begin() + static_cast<int64_t>(first + local));
      const std::vector<double> k = released_coefficients(own, counts, ranks);
      const std::vector<double> even = released_coefficients(
          std::vector<double>(local, 1 / static_cast<double>(weights.size())), counts, ranks);
      const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
      for (size_t i = 0; i < local; ++i) {
        loss += k[i] * losses[first + i] / static_cast<double>(ranks);
        plain += even[i] * losses[first + i] / static_cast<double>(ranks);
        EXPECT_NEAR(even[i], static_cast<double>(counts[i]) / all, 1e-15);  // the token-weighted mean
      }
    }
    EXPECT_NEAR(loss, c["loss"].number(), 1e-12);
    EXPECT_NEAR(plain, c["plain"].number(), 1e-12);
  }
  // Equal lengths: W w_i, whose mean over ranks is sum w l.
  expect_near(released_coefficients({0.1, 0.3}, {8, 8}, 2), {0.2, 0.6}, 1e-15);
}

TEST(Misuse, IsNamed) {
  EXPECT_THAT(error_of([] { normalized_losses({}, 1); }), HasSubstr("there are no losses"));
  EXPECT_THAT(error_of([] { normalized_losses({1, NAN}, 1); }), HasSubstr("loss 1 is nan"));
  EXPECT_THAT(error_of([] { normalized_losses({1, 2}, 0); }), HasSubstr("d is 0"));
  EXPECT_THAT(error_of([] { softmax_weights({1, 2}, 0); }), HasSubstr("r is 0"));
  EXPECT_THAT(error_of([] { softmax_weights({}, 1); }), HasSubstr("there are no values"));
  EXPECT_THAT(error_of([] { clipped_losses({1, 2}, 1.5); }), HasSubstr("quantile is 1.5"));
  EXPECT_THAT(error_of([] { weighted_loss(zeros({2}), {1}); }), HasSubstr("1 weights"));
  EXPECT_THAT(error_of([] { released_coefficients({0.5}, {1, 2}, 1); }), HasSubstr("2 token counts"));
  EXPECT_THAT(error_of([] { released_coefficients({0.5}, {0}, 1); }), HasSubstr("sequence 0 has 0"));
}

}  // namespace
}  // namespace roux::loss_reweighting
