#include "recipes/icl_uncertainty/method.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/autograd.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tests/golden/recipe_values.h"

namespace roux::icl_uncertainty {
namespace {

using Doubles = std::vector<double>;

const golden::Values& reference() {
  static const auto* const values = new golden::Values(golden::Values::of_recipe("icl_uncertainty"));
  return *values;
}

RegressionPrompts prompt_of(const golden::Values& c) {
  const Doubles y = c["y"].numbers();
  RegressionPrompts prompts(static_cast<int64_t>(y.size()), c["dimension"].integer());
  prompts.add(c["x"].numbers(), y);
  return prompts;
}

// The last positions are those of the reference.
void expect_predictions(const std::vector<Gaussian>& got, const Doubles& mean, const Doubles& variance) {
  const size_t first = got.size() - mean.size();
  for (size_t i = 0; i < mean.size(); ++i) {
    EXPECT_NEAR(got[first + i].mean, mean[i], 1e-9 * std::max(1.0, std::abs(mean[i]))) << i;
    EXPECT_NEAR(got[first + i].variance, variance[i], 1e-9 * std::max(1.0, variance[i])) << i;
  }
}

void expect_golden(const std::string& key, const std::function<Predictor(const golden::Values&)>& predictor) {
  for (const golden::Values& c : reference()[key].items())
    expect_predictions(predictor(c)(prompt_of(c), 0), c["mean"].numbers(), c["variance"].numbers());
}

RegressionPrompts draw(const TaskLaw& law, int64_t rows, int64_t length, std::vector<Task>* tasks = nullptr) {
  RegressionPrompts prompts(length, law.dimension);
  stats::RandomStream random(5);
  for (int64_t i = 0; i < rows; ++i) {
    const Task task = add_prompt(law, random, prompts);
    if (tasks != nullptr) tasks->push_back(task);
  }
  return prompts;
}

TEST(Golden, BayesOfEachLaw) {
  expect_golden("discrete", [](const golden::Values& c) {
    return bayes_discrete(c["sigmas"].numbers(), c["dimension"].integer(), c["scale"].number());
  });
  expect_golden("inverse_gamma", [](const golden::Values& c) {
    return bayes_inverse_gamma(c["a"].number(), c["b"].number());
  });
  expect_golden("tied",
                [](const golden::Values& c) { return bayes_tied(c["plus"].number(), c["minus"].number()); });
}

TEST(Golden, DensityAndItsDerivatives) {
  for (const golden::Values& c : reference()["losses"].items()) {
    const double sigma = c["sigma"].number();
    EXPECT_NEAR(nll({c["mean"].number(), sigma * sigma}, c["y"].number()), c["loss"].number(), 1e-12);
    // sigma = softplus(raw) + floor, so that d sigma / d raw = 1 - e^-(sigma - floor).
    const double raw = std::log(std::expm1(sigma - kSigmaFloor));
    Tensor outputs = tensor(Doubles{c["mean"].number(), raw}, {1, 1, 2}).set_requires_grad(true);
    const Tensor loss = objective_loss(Objective::kPair, outputs, tensor(Doubles{c["y"].number()}, {1, 1}));
    EXPECT_NEAR(loss.item(), c["loss"].number(), 1e-9);
    backward(loss);
    const auto gradient = outputs.grad().to_vector<double>();
    EXPECT_NEAR(gradient[0], c["by_mean"].number(), 1e-9);
    EXPECT_NEAR(gradient[1], c["by_sigma"].number() * -std::expm1(-(sigma - kSigmaFloor)), 1e-9);
  }
}

TEST(Bayes, BeforeTheFirstPair) {
  const TaskLaw discrete{.sigmas = {0.3, 0.8, 2}}, conjugate{.a = 3, .b = 2};
  const RegressionPrompts prompts = draw(discrete, 1, 1);
  const auto x = prompts.x_at(0, 0);
  const double squares = x[0] * x[0] + x[1] * x[1];
  const Gaussian first = bayes_of(discrete)(prompts, 0)[0];
  EXPECT_EQ(first.mean, 0);
  EXPECT_NEAR(first.variance, squares + (0.09 + 0.64 + 4) / 3, 1e-12);
  EXPECT_NEAR(bayes_of(conjugate)(prompts, 0)[0].variance, 2.0 / 2 * (1 + squares), 1e-12);
  const Gaussian tied = bayes_tied(0.4, 1.6)(prompts, 0)[0];
  EXPECT_NEAR(tied.mean, 0, 1e-12);
  EXPECT_NEAR(tied.variance, squares + (0.16 + 2.56) / 2, 1e-12);
}

TEST(Bayes, BecomesCertainOfSigma) {
  std::vector<Task> tasks;
  const TaskLaw law{.sigmas = {0.3, 0.8, 2}};
  const RegressionPrompts prompts = draw(law, 6, 200, &tasks);
  for (int64_t row = 0; row < 6; ++row)
    EXPECT_NEAR(std::sqrt(bayes_of(law)(prompts, row).back().variance), tasks[row].sigma,
                0.05 * tasks[row].sigma);
}

TEST(BayesTied, AgreesWithDrawsFromThePrior) {
  const TaskLaw law{.sigmas = {0.4, 1.6}, .tied = true};
  const RegressionPrompts prompts = draw(law, 1, 3);
  const Gaussian exact = bayes_of(law)(prompts, 0)[2];
  stats::RandomStream random(9);
  double total = 0, mean = 0;
  constexpr int kDraws = 200'000;
  std::vector<std::pair<double, double>> draws;  // weight, w . x
  for (int i = 0; i < kDraws; ++i) {
    const Task task = draw_task(law, random);
    const auto label = [&](int64_t t) {
      return task.w[0] * prompts.x_at(0, t)[0] + task.w[1] * prompts.x_at(0, t)[1];
    };
    double log_weight = 0;
    for (int64_t t = 0; t < 2; ++t)
      log_weight += stats::log_density({label(t), task.sigma * task.sigma}, prompts.y_at(0, t));
    const double weight = std::exp(log_weight);
    total += weight, mean += weight * label(2);
    draws.emplace_back(weight, label(2));
  }
  mean /= total;
  double error = 0;
  for (const auto& [weight, label] : draws) error += std::pow(weight * (label - mean), 2);
  EXPECT_NEAR(exact.mean, mean, 3 * std::sqrt(error) / total);
}

TEST(PositivePart, KnownValuesAndTails) {
  const PositivePart half = positive_part(0, 4);
  EXPECT_NEAR(half.log_probability, std::log(0.5), 1e-12);
  EXPECT_NEAR(half.mean, 2 * std::sqrt(2 / std::numbers::pi), 1e-12);
  EXPECT_NEAR(half.variance, 4 * (1 - 2 / std::numbers::pi), 1e-12);
  const PositivePart whole = positive_part(50, 1);
  EXPECT_NEAR(whole.mean, 50, 1e-12);
  EXPECT_NEAR(whole.variance, 1, 1e-12);
  const PositivePart above = positive_part(-2 + 1e-9, 1),
                     below = positive_part(-2 - 1e-9, 1);  // two formulas meet
  EXPECT_NEAR(above.mean, below.mean, 1e-8);
  EXPECT_NEAR(above.log_probability, below.log_probability, 1e-8);
  const PositivePart far = positive_part(-60, 1);  // erfc is 0 there
  EXPECT_NEAR(far.mean, 1 / 60.0, 1e-4);
  EXPECT_NEAR(far.variance * 3600, 1, 2e-3);
  EXPECT_TRUE(std::isfinite(far.log_probability));
}

TEST(Laws, TieExchangeAndPools) {
  const TaskLaw tied{.sigmas = {0.4, 1.6}, .tied = true};
  TaskLaw exchanged = tied;
  exchanged.exchanged = true;
  for (uint64_t i = 0; i < 20; ++i) {
    stats::RandomStream a(1, i), b(1, i);
    const Task kept = draw_task(tied, a), other = draw_task(exchanged, b);
    EXPECT_EQ(kept.w, other.w);
    EXPECT_EQ(kept.sigma, kept.w[0] > 0 ? 0.4 : 1.6);
    EXPECT_NEAR(kept.sigma + other.sigma, 2, 1e-12);
  }
  const TaskLaw two{.sigmas = {0.4, 1.6}};
  const std::vector<Task> few = task_pool(4, two, 3), many = task_pool(9, two, 3);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(few[i].w, many[i].w);
  EXPECT_EQ(few[2].sigma, 0.4);
  EXPECT_EQ(few[3].sigma, 1.6);
  EXPECT_NE(error_of([&] { bayes_of(exchanged); }).find("exchanged"), std::string::npos);
}

TEST(Laws, ALongerPromptBeginsAsTheShorterOne) {
  const TaskLaw law{.sigmas = {0.3, 2}, .x_low = 0.5, .x_high = 2};
  stats::RandomStream a(4), b(4);
  RegressionPrompts brief(3, 2), lengthy(6, 2);
  add_prompt(law, a, brief), add_prompt(law, b, lengthy);
  for (int64_t t = 0; t < 3; ++t) EXPECT_EQ(brief.y_at(0, t), lengthy.y_at(0, t));
}

TEST(Objective, IsLeastAtMeanAndVariance) {
  const Doubles labels = {1, 4, -2, 7};  // mean 2.5, variance 11.25
  const auto loss = [&](double mean, double sigma) {
    double sum = 0;
    for (const double y : labels) sum += nll({mean, sigma * sigma}, y);
    return sum;
  };
  const double best = loss(2.5, std::sqrt(11.25));
  for (const double step : {-0.01, 0.01}) {
    EXPECT_GT(loss(2.5 + step, std::sqrt(11.25)), best);
    EXPECT_GT(loss(2.5, std::sqrt(11.25) + step), best);
  }
}

TEST(Objective, IsFiniteAtTheFloor) {
  const Tensor y = tensor(Doubles{0.5, -1}, {1, 2});
  const Tensor low = tensor(Doubles{0.5, -800, 0, -800}, {1, 2, 2});
  EXPECT_TRUE(std::isfinite(objective_loss(Objective::kPair, low, y).item()));
  for (const double sigma : sigma_of(low).to_vector<double>()) EXPECT_GE(sigma, kSigmaFloor);
}

}  // namespace
}  // namespace roux::icl_uncertainty
