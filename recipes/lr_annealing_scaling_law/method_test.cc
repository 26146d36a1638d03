#include "recipes/lr_annealing_scaling_law/method.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "optim/schedules.h"
#include "recipes/kit/stats/optimize.h"
#include "recipes/lr_annealing_scaling_law/golden_schedule.h"
#include "tensor/error.h"
#include "tests/golden/recipe_values.h"

namespace roux::lr_annealing {
namespace {

TEST(AreasTest, ConstantRateHasNoAnnealing) {
  const Areas area = areas(std::vector<double>(1000, 3e-4), 0.99);
  for (int64_t s = 0; s < 1000; ++s) {
    EXPECT_NEAR(area.forward[s], 3e-4 * static_cast<double>(s + 1), 1e-13);
    EXPECT_EQ(area.annealing[s], 0.0);
  }
}

TEST(AreasTest, OneDropFollowsItsClosedForm) {
  constexpr double kDrop = 0.25;
  constexpr int64_t kAt = 40;
  constexpr double kLambda = 0.97;
  std::vector<double> eta(1500, 1.0);
  for (size_t s = kAt; s < eta.size(); ++s) eta[s] -= kDrop;
  const Areas area = areas(eta, kLambda);
  for (int64_t s = 0; s < 1500; ++s) {
    const double expected =
        s < kAt ? 0 : kDrop * (1 - std::pow(kLambda, static_cast<double>(s - kAt + 1))) / (1 - kLambda);
    EXPECT_NEAR(area.annealing[s], expected, 1e-12) << s;
  }
  EXPECT_NEAR(area.annealing.back(), kDrop / (1 - kLambda), 1e-10);
}

TEST(AreasTest, HandComputedExampleOfTheMomentum) {
  const Areas area = areas(std::vector<double>{1, 1, 0.5, 0.5, 0.5}, 0.5);
  EXPECT_EQ(area.annealing, (std::vector<double>{0, 0, 0.5, 0.75, 0.875}));
  EXPECT_EQ(area.forward, (std::vector<double>{1, 2, 2.5, 3, 3.5}));
}

TEST(AreasTest, LimitingLambdas) {
  const std::vector<double> eta =
      area_rates(cosine_schedule({.peak = 0.3, .floor = 0.01, .total = 400}), 400, 0);
  const Areas instant = areas(eta, 0);
  const Areas endless = areas(eta, 1);
  double sum = 0;
  for (size_t s = 0; s < eta.size(); ++s) {
    EXPECT_NEAR(instant.annealing[s], eta[0] - eta[s], 1e-14);
    sum += eta[0] - eta[s];
    EXPECT_NEAR(endless.annealing[s], sum, 1e-11);
  }
}

TEST(AreasTest, LinearInTheRates) {
  const std::vector<double> eta =
      area_rates(wsd_schedule({.peak = 0.02, .total = 300}, 100, Decay::kOneMinusSqrt), 300, 0);
  std::vector<double> doubled = eta;
  for (double& rate : doubled) rate *= 2;  // exact in binary
  const Areas one = areas(eta, 0.95);
  const Areas two = areas(doubled, 0.95);
  for (size_t s = 0; s < eta.size(); ++s) {
    EXPECT_EQ(two.forward[s], 2 * one.forward[s]);
    EXPECT_EQ(two.annealing[s], 2 * one.annealing[s]);
  }
}

TEST(AreasTest, AnnealingAreaGrowsWhileRatesFallAndShrinksAfterRewarming) {
  const Schedule rewarm =
      rewarm_schedule({.peak = 1, .floor = 0.1, .stable = 100, .decay = 100, .rewarm = 20, .second_peak = 1});
  const std::vector<double> eta = area_rates(rewarm, 400, 0);
  const Areas area = areas(eta, 0.9);
  for (size_t s = 1; s < eta.size(); ++s) {
    if (eta[s] < eta[s - 1]) {
      EXPECT_GE(area.annealing[s], area.annealing[s - 1]) << s;
    }
  }
  // The momentum m_s = S2(s) - S2(s - 1) turns negative once the rate has risen for about 1 / (1 - lambda)
  // steps.
  EXPECT_LT(area.annealing[219] - area.annealing[218], 0);
  EXPECT_LT(area.annealing[219], area.annealing[205]);
}

TEST(AreasTest, AnnealingGoesOnAfterTheRateHasSettled) {
  const std::vector<double> eta = area_rates(multi_step_schedule(1, {{50, 0.1}}), 200, 0);
  const Areas area = areas(eta, 0.95);
  for (size_t s = 51; s < eta.size(); ++s) EXPECT_GT(area.annealing[s], area.annealing[s - 1]);
}

TEST(AreasTest, WarmupCountsAsThePeak) {
  const std::vector<double> eta =
      area_rates(cosine_schedule({.peak = 2, .total = 100, .warmup = 10}), 100, 10);
  for (int s = 0; s <= 10; ++s) EXPECT_EQ(eta[s], 2.0);
  EXPECT_LT(eta[11], 2.0);
  EXPECT_EQ(areas(eta, 0.9).annealing[10], 0.0);
}

TEST(HuberTest, QuadraticInsideLinearOutside) {
  EXPECT_EQ(huber(5e-4, 1e-3), 0.5 * 5e-4 * 5e-4);
  EXPECT_EQ(huber(-5e-4, 1e-3), huber(5e-4, 1e-3));
  EXPECT_NEAR(huber(0.1, 1e-3), 1e-3 * 0.1 - 0.5e-6, 1e-18);
  EXPECT_NEAR(huber(1e-3, 1e-3), huber(std::nextafter(1e-3, 0), 1e-3), 1e-18);
}

std::vector<Point> synthetic_points(const Law& law, double noise, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<Point> points;
  for (int i = 1; i <= 60; ++i) {
    const double s1 = 0.05 * i;
    const double s2 = i > 30 ? 0.004 * (i - 30) : 0;
    const double uniform = static_cast<double>(generator()) / 4294967296.0 - 0.5;
    points.push_back({s1, s2, law(s1, s2) * (1 + noise * uniform)});
  }
  return points;
}

TEST(HuberTest, GradientAgreesWithFiniteDifferences) {
  const std::vector<Point> points = synthetic_points({2.6, 0.4, 0.55, 0.4}, 0.01, 1);
  const std::vector<double> at = {2.5, 0.5, 0.45, 0.7};
  for (double delta : {1e-3, 1e-2, 10.0}) {
    std::vector<double> gradient(4);
    huber_objective({at[0], at[1], at[2], at[3]}, points, delta, gradient);
    for (int i = 0; i < 4; ++i) {
      std::vector<double> up = at;
      std::vector<double> down = at;
      up[i] += 1e-6;
      down[i] -= 1e-6;
      const double numeric = (huber_objective({up[0], up[1], up[2], up[3]}, points, delta, {}) -
                              huber_objective({down[0], down[1], down[2], down[3]}, points, delta, {})) /
                             2e-6;
      EXPECT_NEAR(gradient[i], numeric, 1e-6 * (1 + std::abs(numeric)))
          << "delta " << delta << " constant " << i;
    }
  }
}

TEST(HuberTest, IsLeastSquaresOfLogarithmsWhenAllResidualsAreSmall) {
  const Law law{2.6, 0.4, 0.55, 0.4};
  const std::vector<Point> points = synthetic_points(law, 1e-4, 2);
  double squares = 0;
  for (const Point& p : points) squares += 0.5 * std::pow(std::log(p.loss) - std::log(law(p.s1, p.s2)), 2);
  EXPECT_NEAR(huber_objective(law, points, 1e-3, {}), squares, 1e-18);
}

TEST(HuberTest, LawThatPredictsNoLossIsInfinitelyBad) {
  const std::vector<Point> points = {{.s1 = 1, .s2 = 10, .loss = 2}};
  EXPECT_TRUE(std::isinf(huber_objective({1, 1, 0.5, 1}, points, 1e-3, {})));
}

// Curves made from known constants, measured every `every` steps, with uniform relative noise of this
// amplitude.
Curve synthetic_curve(const Law& law, const Schedule& schedule, int64_t last, double lambda, double noise,
                      uint32_t seed) {
  Curve curve{.eta = area_rates(schedule, last, 0)};
  const Areas area = areas(curve.eta, lambda);
  std::mt19937 generator(seed);
  for (int64_t s = last / 20; s <= last; s += last / 100) {
    const double uniform = 2 * static_cast<double>(generator()) / 4294967296.0 - 1;
    curve.steps.push_back(s);
    curve.loss.push_back(law(area.forward[s], area.annealing[s]) * (1 + noise * uniform));
  }
  return curve;
}

TEST(FitTest, RecoversKnownConstants) {
  const Law truth{2.4, 0.6, 0.48, 0.3};
  const std::vector<Curve> curves = {
      synthetic_curve(truth, cosine_schedule({.peak = 2e-4, .total = 20000}), 20000, 0.999, 1e-4, 3),
      synthetic_curve(truth, constant_schedule(2e-4), 20000, 0.999, 1e-4, 4)};
  const Fit fit = fit_law(curves, {.lambda = 0.999});
  EXPECT_NEAR(fit.law.l0, truth.l0, 0.01 * truth.l0);
  EXPECT_NEAR(fit.law.a, truth.a, 0.01 * truth.a);
  EXPECT_NEAR(fit.law.alpha, truth.alpha, 0.01 * truth.alpha);
  EXPECT_NEAR(fit.law.c, truth.c, 0.01 * truth.c);
  EXPECT_GT(fit.r_squared, 0.9999);
}

TEST(FitTest, RecoversConstantsOfAnyScaleWithoutNoise) {
  // Areas 1e5 times larger than those of the paper, and a small model's constants.
  const Law truth{1.9, 30, 0.35, 2e-4};
  const std::vector<Curve> curves = {
      synthetic_curve(truth, cosine_schedule({.peak = 5, .total = 2000}), 2000, 0.98, 0, 5),
      synthetic_curve(truth, constant_schedule(5), 2000, 0.98, 0, 6)};
  const Fit fit = fit_law(curves, {.lambda = 0.98});
  EXPECT_NEAR(fit.law.l0 / truth.l0, 1, 1e-6);
  EXPECT_NEAR(fit.law.a / truth.a, 1, 1e-6);
  EXPECT_NEAR(fit.law.alpha / truth.alpha, 1, 1e-6);
  EXPECT_NEAR(fit.law.c / truth.c, 1, 1e-6);
  const Curve wsd = synthetic_curve(truth, wsd_schedule({.peak = 5, .total = 3000}, 600), 3000, 0.98, 0, 7);
  EXPECT_LT(mean_relative_error(fit, wsd), 1e-7);
}

TEST(FitTest, ScanFindsTheLambdaThatMadeTheData) {
  const Law truth{2.4, 0.6, 0.48, 1.5};
  const std::vector<Curve> curves = {
      synthetic_curve(truth, cosine_schedule({.peak = 1e-2, .total = 600}), 600, 0.95, 1e-4, 8),
      synthetic_curve(truth, wsd_schedule({.peak = 1e-2, .total = 600}, 120), 600, 0.95, 1e-4, 9)};
  const std::vector<double> lambdas = {0.5, 0.8, 0.9, 0.95, 0.98, 0.99};
  EXPECT_EQ(best_fit(scan_lambda(curves, lambdas)).lambda, 0.95);
}

TEST(FitTest, NoStartOfThePapersGridFindsALowerObjective) {
  const Law truth{2.4, 0.6, 0.48, 0.3};
  const std::vector<Curve> curves = {
      synthetic_curve(truth, cosine_schedule({.peak = 2e-4, .total = 20000}), 20000, 0.999, 5e-3, 10),
      synthetic_curve(truth, constant_schedule(2e-4), 20000, 0.999, 5e-3, 11)};
  const FitOptions options{.lambda = 0.999};
  const std::vector<Point> points = fit_points(curves, options);
  const Fit fit = fit_law(curves, options);
  const auto objective = [&](std::span<const double> x, std::span<double> gradient) {
    return huber_objective({x[0], x[1], x[2], x[3]}, points, 1e-3, gradient);
  };
  double best = 1e300;
  for (double l0 : {0.1, 2.1}) {
    for (double a : {1.0, 11.5, 22.0}) {
      for (double c : {1.0, 11.5, 22.0}) {
        for (double alpha : {0.0, 0.4, 0.8}) {
          if (std::isinf(huber_objective({l0, a, alpha, c}, points, 1e-3, {}))) continue;
          const stats::Minimum m = stats::minimize_lbfgs(objective, {l0, a, alpha, c},
                                                         {.bounds = {.lower = {0, 0, 0, 0}, .upper = {}}});
          best = std::min(best, m.value);
        }
      }
    }
  }
  EXPECT_LE(fit.objective, best * (1 + 1e-9));
}

TEST(FitTest, CIsNotIdentifiedWithoutAnnealing) {
  const Law truth{2.4, 0.6, 0.48, 0.3};
  const std::vector<Curve> curves = {synthetic_curve(truth, constant_schedule(2e-4), 20000, 0.999, 0, 12)};
  const Fit fit = fit_law(curves, {.lambda = 0.999});
  EXPECT_FALSE(fit.annealing_identified);
  EXPECT_EQ(fit.law.c, 0.0);
  EXPECT_NEAR(fit.law.alpha, truth.alpha, 1e-6);
}

TEST(FitTest, ConstantsStayNonNegative) {
  // Losses that rise with annealing would want C < 0.
  const Law truth{2.4, 0.6, 0.48, -0.3};
  const std::vector<Curve> curves = {
      synthetic_curve(truth, cosine_schedule({.peak = 2e-4, .total = 20000}), 20000, 0.999, 0, 13),
      synthetic_curve(truth, constant_schedule(2e-4), 20000, 0.999, 0, 14)};
  const Fit fit = fit_law(curves, {.lambda = 0.999});
  EXPECT_EQ(fit.law.c, 0.0);
  EXPECT_TRUE(fit.annealing_identified);
}

TEST(FitTest, BaselinesSeeOnlyTheirVariable) {
  const Law truth{2.4, 0.6, 0.48, 0.3};
  const Curve cosine =
      synthetic_curve(truth, cosine_schedule({.peak = 2e-4, .total = 20000}), 20000, 0.999, 0, 15);
  const Curve constant = synthetic_curve(truth, constant_schedule(2e-4), 20000, 0.999, 0, 16);
  const std::vector<Curve> flat = {constant};
  const std::vector<Curve> both = {cosine, constant};
  // At a constant rate the three forms are one power law.
  const Fit by_step = fit_law(flat, {.form = Form::kStepOnly});
  EXPECT_NEAR(by_step.law.alpha, truth.alpha, 1e-6);
  EXPECT_NEAR(by_step.law.a, truth.a * std::pow(2e-4, -truth.alpha), 1e-3);
  // A step-only law predicts the same curve for every schedule; with annealing in the data the full law is
  // better.
  EXPECT_EQ(predict(by_step, cosine.eta), predict(by_step, constant.eta));
  const double full = fit_law(both, {.lambda = 0.999}).objective;
  EXPECT_LT(full, 1e-3 * fit_law(both, {.form = Form::kStepOnly}).objective);
  EXPECT_LT(full, 1e-3 * fit_law(both, {.form = Form::kForwardOnly}).objective);
  EXPECT_LT(full, 1e-3 * fit_law(both, {.lambda = 0}).objective);
}

// The reference implementation: tests/golden/recipes/lr_annealing_scaling_law.py.
const golden::Values& reference() {
  static const golden::Values kValues = golden::Values::of_recipe("lr_annealing_scaling_law");
  return kValues;
}

void expect_equal(const std::vector<double>& got, const std::vector<double>& expected,
                  double tolerance = 1e-9) {
  ASSERT_EQ(got.size(), expected.size());
  double scale = 0;
  for (const double value : expected) scale = std::max(scale, std::abs(value));
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance * scale) << i;
}

TEST(ReferenceTest, AreasAreTheDoubleSums) {
  for (const golden::Values& c : reference()["areas"].items()) {
    const Areas area = areas(c["eta"].numbers(), c["lambda"].number());
    expect_equal(area.forward, c["forward"].numbers());
    expect_equal(area.annealing, c["annealing"].numbers());
  }
}

TEST(ReferenceTest, RatesOfEverySchedule) {
  for (const golden::Values& c : reference()["rates"].items()) {
    const golden::Values schedule = c["schedule"];
    SCOPED_TRACE(schedule["kind"].text());
    const int64_t warmup = schedule.has("warmup") ? schedule["warmup"].integer() : 0;
    expect_equal(area_rates(golden_schedule(schedule), c["last"].integer(), warmup), c["rates"].numbers());
  }
}

TEST(ReferenceTest, HuberTermsObjectivesAndGradients) {
  for (const golden::Values& c : reference()["huber"].items()) {
    std::vector<double> terms;
    for (const double residual : c["residual"].numbers())
      terms.push_back(huber(residual, c["delta"].number()));
    const std::vector<double> expected = c["value"].numbers();
    ASSERT_EQ(terms.size(), expected.size());
    for (size_t i = 0; i < terms.size(); ++i) EXPECT_NEAR(terms[i], expected[i], 1e-9 * expected[i]);
  }
  for (const golden::Values& c : reference()["objective"].items()) {
    const Law law = golden_law(c["law"]);
    const std::vector<double> s1 = c["s1"].numbers(), s2 = c["s2"].numbers(), loss = c["loss"].numbers();
    std::vector<Point> points;
    std::vector<double> predicted;
    for (size_t i = 0; i < s1.size(); ++i) {
      points.push_back({s1[i], s2[i], loss[i]});
      predicted.push_back(law(s1[i], s2[i]));
    }
    expect_equal(predicted, c["predicted"].numbers());
    std::vector<double> gradient(c["gradient"].numbers().size());
    const double value = huber_objective(law, points, c["delta"].number(), gradient);
    const double expected = c["value"].number();
    EXPECT_TRUE(value == expected || std::abs(value - expected) <= 1e-9 * expected)
        << value << " " << expected;
    expect_equal(gradient, c["gradient"].numbers());
  }
}

// The minimum to 1e-9; where it lies and what follows from that to 1e-6, as it is flat.
TEST(ReferenceTest, FitsAndWhatTheyPredict) {
  const golden::Values c = reference()["fit"];
  std::vector<Curve> curves;
  for (const golden::Values& run : c["curves"].items()) {
    curves.push_back({.eta = area_rates(golden_schedule(run["schedule"]), c["last"].integer(), 0),
                      .steps = c["steps"].integers(),
                      .loss = run["loss"].numbers()});
  }
  for (const golden::Values& expected : c["fits"].items()) {
    const std::string& form = expected["form"].text();
    SCOPED_TRACE(form);
    std::vector<Curve> used;
    for (const int64_t i : expected["curves"].integers()) used.push_back(curves[static_cast<size_t>(i)]);
    const Fit fit = fit_law(used, {.lambda = expected["lambda"].number(),
                                   .form = form == "annealing"      ? Form::kAnnealing
                                           : form == "forward_only" ? Form::kForwardOnly
                                                                    : Form::kStepOnly});
    EXPECT_NEAR(fit.objective / expected["objective"].number(), 1, 1e-9);
    const std::vector<double> law = expected["law"].numbers();
    const std::vector<double> got = {fit.law.l0, fit.law.a, fit.law.alpha, fit.law.c};
    for (size_t i = 0; i < law.size(); ++i) EXPECT_NEAR(got[i], law[i], 1e-6 * law[i]) << i;
    EXPECT_NEAR(fit.r_squared, expected["r_squared"].number(), 1e-7);
    EXPECT_NEAR(fit.mean_relative_error, expected["mean_relative_error"].number(), 1e-7);
    std::vector<double> predicted;
    const std::vector<double> all = predict(fit, curves[2].eta);
    for (const int64_t step : curves[2].steps) predicted.push_back(all[static_cast<size_t>(step)]);
    expect_equal(predicted, expected["predicted"].numbers(), 1e-6);
    EXPECT_NEAR(mean_relative_error(fit, curves[2]), expected["unseen_error"].number(), 1e-6);
  }
}

std::string error_of(const std::vector<Curve>& curves) {
  try {
    fit_law(curves, {});
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(FitTest, MisuseThrowsWithTheValues) {
  const std::vector<double> eta(10, 1e-3);
  EXPECT_EQ(error_of({{eta, {1, 2, 10}, {3, 2, 1}}}),
            "fit_law: curve 0 measures step 10, but has rates of steps 0..9");
  EXPECT_EQ(error_of({{eta, {1, 2, 3}, {3, 2}}}), "fit_law: curve 0 has 3 steps and 2 losses");
  EXPECT_EQ(error_of({{eta, {1, 2}, {3, -2}}}),
            "fit_law: curve 0 has loss -2 at step 2, needed a finite loss > 0");
  EXPECT_EQ(error_of({{eta, {1, 2}, {3, 2}}}), "fit_law: there are 2 points for up to 4 constants");
  EXPECT_THROW(areas(eta, 1.5), Error);
  EXPECT_THROW(areas({}, 0.5), Error);
}

}  // namespace
}  // namespace roux::lr_annealing
