// Linear-regression prompts from which a Transformer predicts a mean and a standard deviation, and what the
// Bayes-optimal pair is under each law of tasks: a task is (w, sigma), y_t = w . x_t + sigma e_t, e_t ~ N(0,
// 1). Symbols are the paper's; all in f64. H_t: the pairs before t, and x_t.
#ifndef ROUX_RECIPES_ICL_UNCERTAINTY_METHOD_H_
#define ROUX_RECIPES_ICL_UNCERTAINTY_METHOD_H_

#include <cstdint>
#include <vector>

#include "recipes/kit/stats/random.h"
#include "recipes/kit/worlds/prompt_predictors.h"
#include "tensor/tensor.h"

namespace roux::icl_uncertainty {

using kit::RegressionPrompts;
using stats::Gaussian;
using Predictor = kit::PromptPredictor;
using Task = kit::LinearTask;

// What prompts are drawn from.
struct TaskLaw {
  int64_t dimension = 2;
  std::vector<double> sigmas = {};  // sigma is one of them, each as likely, w ~ N(0, w_scale^2 I);
  bool tied = false;                // or it is the first where w_1 > 0 and the second elsewhere
  double a = 0, b = 0;              // without sigmas: sigma^2 ~ InverseGamma(a, b), w ~ N(0, sigma^2 I)
  std::vector<Task> pool = {};      // where given: the task is one of these, each as likely
  bool exchanged = false;           // each task has the other of the two sigmas there are
  double w_scale = 1;
  double x_low = 1, x_high = 1;  // x_t ~ N(x_mean 1, c^2 I), one c ~ U[x_low, x_high] a prompt
  double x_mean = 0;
};

Task draw_task(const TaskLaw& law, stats::RandomStream& random);
// n tasks of a law with a set of sigmas, which take turns: what a learner may remember. The first tasks of a
// larger pool are those of a smaller one.
std::vector<Task> task_pool(int64_t n, const TaskLaw& law, uint64_t seed);
// One more prompt. The first pairs of a longer prompt are those of a shorter one. Returns its task.
Task add_prompt(const TaskLaw& law, stats::RandomStream& random, RegressionPrompts& prompts);

// E[y_t | H_t] and Var(y_t | H_t) under a law:
// sigma in a set: g_k ~ N(y; 0, w_scale^2 X X' + s_k^2 I), mean sum g_k m_k . x, variance
// sum g_k (v_k + (m_k . x)^2) - mean^2.
Predictor bayes_discrete(const std::vector<double>& sigmas, int64_t dimension, double w_scale = 1);
// sigma^2 ~ IG(a, b), w | sigma ~ N(0, sigma^2 I): the moments of a Student-t with 2 a' degrees; a > 1.
Predictor bayes_inverse_gamma(double a, double b);
// w ~ N(0, I), sigma by the sign of w_1: given the sign the posterior is a Gaussian cut at w_1 = 0, whose
// probability and moments have closed forms.
Predictor bayes_tied(double plus, double minus);
// The law's own: one of these, or a posterior over its pool.
Predictor bayes_of(const TaskLaw& law);

// N(mean, variance) given that it is above 0.
struct PositivePart {
  double log_probability, mean, variance;
};
PositivePart positive_part(double mean, double variance);

// The training objectives. outputs: [B, T, 2], the mean and what sigma_of makes the deviation of; y: [B, T].
enum class Objective {
  kPair,  // log sigma + (y - mean)^2 / (2 sigma^2), the paper's: least at (E[y | H], Var(y | H))
  kMean,  // (y - mean)^2
};
constexpr double kSigmaFloor = 1e-3;     // ours
Tensor sigma_of(const Tensor& outputs);  // softplus(outputs[..., 1]) + kSigmaFloor: [B, T]
Tensor objective_loss(Objective objective, const Tensor& outputs, const Tensor& y);  // mean over all

// Negative log-density without the constant: log sigma + (y - mean)^2 / (2 sigma^2). NaN of no prediction.
double nll(const Gaussian& predicted, double y);

}  // namespace roux::icl_uncertainty

#endif  // ROUX_RECIPES_ICL_UNCERTAINTY_METHOD_H_
