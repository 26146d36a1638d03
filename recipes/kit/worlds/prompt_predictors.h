// What exact algorithms predict of the labels of a regression prompt, each from the pairs before it: Bayes
// under a prior, least squares, ridge. In f64.
//
//   const PromptPredictor bayes = posterior_mixture(
//       {stats::LinearPosterior::standard(2, 0.09), stats::LinearPosterior::standard(2, 4)});
//   const std::vector<stats::Gaussian> pairs = predict_all(bayes, prompts);    // [rows * length]
#ifndef ROUX_RECIPES_KIT_WORLDS_PROMPT_PREDICTORS_H_
#define ROUX_RECIPES_KIT_WORLDS_PROMPT_PREDICTORS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "recipes/kit/stats/bayes_regression.h"
#include "recipes/kit/worlds/regression_prompts.h"

namespace roux::kit {

// Mean and variance of each label of one prompt: [length]. Where it has nothing to say yet, NaN.
using PromptPredictor =
    std::function<std::vector<stats::Gaussian>(const RegressionPrompts& prompts, int64_t row)>;

// f(t, x_t, y_t) gives the prediction of y_t, and may then learn from y_t.
std::vector<stats::Gaussian> along_prompt(
    const RegressionPrompts& prompts, int64_t row,
    const std::function<stats::Gaussian(int64_t t, std::span<const double> x, double y)>& f);
std::vector<stats::Gaussian> predict_all(const PromptPredictor& predictor, const RegressionPrompts& prompts);

// Bayes when (w, sigma) has one of these priors, each as likely (or with these logarithms of probabilities):
// the mixture of their predictions by evidence. Several noises: an unknown sigma; several means: a mixture of
// Gaussians over w.
PromptPredictor posterior_mixture(const std::vector<stats::LinearPosterior>& priors,
                                  const std::vector<double>& log_prior = {});

// y = w . x + sigma e, e ~ N(0, 1).
struct LinearTask {
  std::vector<double> w;
  double sigma = 1;
};
// Bayes when the task is one of these, each as likely: softmax of their likelihoods.
PromptPredictor pool_posterior(const std::vector<LinearTask>& pool);

// Least squares, from more pairs than dimensions on: s^2 (1 + x' (X'X)^-1 x), s^2 the residual variance.
PromptPredictor least_squares_predictor();
// Ridge, from the first pair on, with the mean squared leave-one-out residual; of several penalties that
// where it is smallest.
PromptPredictor ridge_predictor(const std::vector<double>& penalties);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_PROMPT_PREDICTORS_H_
